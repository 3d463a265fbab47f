local core = require "kavach.core"
local host = require "support.host"
local task = require "kavach.task"

-- Runs a line of the shell with these files: what it prints, and how it ended.
local function run(line, files, more)
  local options =
    { argv = { "/bin/sh", "-c", line }, stdout = "pipe", stderr = "null", files = files }
  for name, value in pairs(more or {}) do options[name] = value end
  local ended = task.event()
  local child, _, out = core.spawn(options, function(...) ended:set(...) end)
  assert(child, out)
  local text = require "kavach.stream".wrap(out):read_all()
  local how, code = ended:wait(10000)
  return text, how, code
end

describe("The files that a process is given", function()
  local folder, remove
  setup(function() folder, remove = host.folder() end)
  teardown(function() remove() end)

  local function open(name, text)
    return assert(io.open(host.write(folder .. "/" .. name, text), "rb"))
  end

  it("are its descriptors 3 and 4", function()
    local one <close> = open("one", "first")
    local two <close> = open("two", "second")
    assert.equal("first second", (run("cat <&3; echo -n ' '; cat <&4", { one, two })))
  end)

  it("come beside a program that is open", function()
    local one <close> = open("one", "first")
    local program <close> = assert(core.program_open "/bin/sh")
    assert.equal("first", (run("cat <&3", { one }, { program = program })))
  end)

  it("stay open here", function()
    local one <close> = open("one", "first")
    run("true", { one })
    assert.equal("first", one:read "a")
  end)

  it("are none unless they are asked for", function()
    assert.equal("", (run "ls /proc/self/fd/4 2>/dev/null"))
    local _, _, code = run("cat <&3", nil)
    assert.not_equal(0, code)
  end)

  it("are at most two, and open", function()
    local one <close> = open("one", "first")
    assert.error_matches(function() run("true", { one, one, one }) end, "too many files")
    local shut = open("one", "first")
    shut:close()
    assert.error_matches(function() run("true", { shut }) end, "the file is closed")
  end)
end)
