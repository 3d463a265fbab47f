-- The C programs of this folder, as the build makes them.

local program = require "support.program"

describe("the example of embedding", function()
  local path = program.build .. "/spec/embed/embed"

  it("runs two tasks beside a timer of its own, and frees everything", function()
    local code, out, errors = program.shell(path)
    assert.equal("", errors)
    assert.equal(0, code)
    assert.matches("^a timer of the program's own\n", out)
    assert.matches("hello from task 1\n", out)
    assert.matches("hello from task 2\n", out)
  end)
end)
