local guest = require "support.guest_program"
local json = require "kavach.json"
local program = require "support.program"

-- #stock: loads the module into stock Lua, which is not possible if it was built with sanitizers.
describe("kavach env", function()
  it("prints what another Lua needs to find kavach #stock", function()
    local code, out, errors = program.shell(([[
      eval "$('%s' env)"
      cd /
      lua5.4 -e 'io.write(require "kavach.core".version, " ", type(require "kavach.err"),
        " ", type(require "cjson"))']]):format(program.kavach))
    assert.equal("", errors)
    assert.equal(0, code)
    assert.matches("^%d+%.%d+%.%d+ table table$", out)
  end)

  it("works from any directory and through a link #stock", function()
    local code, out = program.shell(([[
      kavach=$(realpath '%s'); dir=$(mktemp -d); ln -s "$kavach" "$dir/k"; cd "$dir"
      eval "$("$dir/k" env)"; rm -r "$dir"
      lua5.4 -e 'io.write(require "kavach.core".version)']]):format(program.kavach))
    assert.equal(0, code)
    assert.matches("^%d", out)
  end)

  it("prints one JSON document with --json", function()
    local code, out = program.run("env", "--json")
    assert.equal(0, code)
    local document = json.decode(out)
    assert.equal(1, document.version)
    assert.matches("/kavach/core.so$", (package.searchpath("kavach.core", document.LUA_CPATH)))
    assert.matches("/kavach/err.lua$", (package.searchpath("kavach.err", document.LUA_PATH)))
    assert.matches(";;$", document.LUA_PATH)
  end)

  it("takes no arguments", function()
    local code, _, errors = program.run("env", "x")
    assert.equal(64, code)
    assert.matches("^kavach: env: too many arguments", errors)
  end)
end)

describe("the program", function()
  it("tells its version", function()
    local code, out = program.run "--version"
    assert.equal(0, code)
    assert.equal(("kavach %s\n"):format(require "kavach.core".version), out)
  end)

  it("takes a word that is neither a command nor a file for a command mistyped", function()
    local code, out, errors = program.run("rnu", "true")
    assert.same({ 64, "" }, { code, out })
    assert.matches("unknown command 'rnu' (did you mean 'run'?)", errors, 1, true)
    code, out = program.shell(([[
      cd "$(mktemp -d)"; echo 'print("script", ...)' >rnu; '%s' rnu x; rm rnu]]):format(
      guest.kavach))
    assert.same({ 0, "script\tx\n" }, { code, out })
  end)

  it("lists its commands", function()
    local code, out = program.run "--help"
    assert.equal(0, code)
    assert.matches("\n   env  ", out)
  end)
end)
