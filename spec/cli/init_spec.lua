local cli = require "kavach.cli"
local err = require "kavach.err"
local json = require "kavach.json"
local program = require "support.program"

--- Runs cli.main with the streams caught. Returns the exit code and what went to each.
local function main(...)
  local out, errors = {}, {}
  local function catcher(list)
    return {
      write = function(_, ...) list[#list + 1] = table.concat { ... } end,
      flush = function(stream) return stream end,
    }
  end
  local stdout, stderr = io.stdout, io.stderr
  io.stdout, io.stderr = catcher(out), catcher(errors)
  local ok, code = pcall(cli.main, { ... })
  io.stdout, io.stderr = stdout, stderr
  if not ok then error(code, 0) end
  return code, table.concat(out), table.concat(errors)
end

describe("the program's subcommands", function()
  local seen

  --- A command of the name "zap", as if there was a file.
  local function command(changes)
    local c = {
      summary = "Zap.",
      configure = function(parser)
        parser:description "Zaps."
        parser:epilog "Example:\n   kavach zap it"
        parser:argument "what":args "*"
      end,
      run = function(args) seen = args return 7 end,
    }
    for key, value in pairs(changes or {}) do c[key] = value end
    package.loaded["kavach.cli.zap"] = c
  end

  before_each(function() seen = nil end)
  after_each(function() package.loaded["kavach.cli.zap"] = nil end)

  it("are found by name and give the exit code", function()
    command()
    assert.equal(7, (main("zap", "--json", "a", "b")))
    assert.same({ "a", "b" }, seen.what)
    assert.is_true(seen.json)
  end)

  it("fail if what they say cannot be written", function()
    local failures = {
      ["--help"] = 1, ["--version"] = 1, ps = 1, ["env"] = 1, ["policy --help"] = 1,
      ["run --dry-run true"] = 125,
    }
    for words, expected in pairs(failures) do
      local code, _, errors = program.shell(("'%s' %s >/dev/full"):format(program.kavach, words))
      assert.equal(expected, code, words)
      assert.matches("standard output: No space left on device", errors, 1, true)
    end
    -- Who has nothing to say has said all of it; and a failure stays the failure that it is.
    local code = program.shell(("'%s' ps x >/dev/full"):format(program.kavach))
    assert.equal(64, code)
  end)

  it("are listed by --help with their summaries", function()
    local code, out, errors = main "--help"
    assert.equal(0, code)
    assert.equal("", errors)
    assert.matches("\n   env  +Print LUA_PATH", out)
    assert.not_matches("\n   options", out)
    assert.not_matches("\n   init", out)
  end)

  it("have help of their own, with an example", function()
    command()
    local code, out = main("zap", "--help")
    assert.equal(0, code)
    assert.matches("^Usage: kavach zap", out)
    assert.matches("Zaps%.", out)
    assert.matches("\nExample:\n   kavach zap it\n$", out)
    assert.is_nil(seen)
  end)

  it("end their help in lines that need no breaking", function()
    local function check(name, known)
      local parser = require("kavach.cli.options").parser("kavach x", known.configure)
      local ending = (parser._epilog or ""):gsub("%s+$", "")
      assert.is_true(parser:get_help():find(ending, 1, true) ~= nil, name)
    end
    for name in require("lfs").dir "lua/kavach/cli" do
      local module = "kavach.cli." .. (name:match "^(.*)%.lua$" or "")
      local found, known = pcall(require, module)
      if found and type(known) == "table" and known.configure then
        check(name, known)
        for _, action in ipairs(known.actions or {}) do
          check(name .. " " .. action, require(module .. "." .. action))
        end
      end
    end
  end)

  it("have the nearest name suggested", function()
    local code, out, errors = main "evn"
    assert.equal(64, code)
    assert.equal("", out)
    assert.matches("^kavach: unknown command 'evn' %(did you mean 'env'%?%)", errors)
  end)

  it("are never files elsewhere", function()
    for _, name in ipairs { "init", "options", "../env", "kavach.cli.env", "Env", "", "a/b" } do
      assert.equal(64, (main(name)), name)
    end
  end)

  it("exit with 64 for misuse, or with their own code", function()
    command()
    local code, _, errors = main("zap", "--jsno")
    assert.equal(64, code)
    assert.equal("kavach: zap: unknown option '--jsno' (did you mean '--json'?); "
      .. "see kavach zap --help\n", errors)
    command { usage_exit = 125 }
    assert.equal(125, (main("zap", "--jsno")))
  end)

  it("turn an error, returned or raised, into a message and an exit code", function()
    command { run = function() return err.fail("io", "no luck") end }
    local code, _, errors = main "zap"
    assert.equal(1, code)
    assert.equal("kavach: zap: no luck\n", errors)

    command { failure_exit = 125, run = function() error(err.new("timeout", "late")) end }
    code, _, errors = main "zap"
    assert.equal(125, code)
    assert.equal("kavach: zap: late\n", errors)

    command { run = function() error "a bug" end }
    code, _, errors = main "zap"
    assert.equal(1, code)
    assert.matches("a bug\nstack traceback:", errors)
  end)

  it("with --json, tell an error as a document where they print nothing else", function()
    command { tells_failure = true, run = function() return err.fail("io", "no \xffluck") end }
    local code, out, errors = main("zap", "--json")
    assert.same({ 1, "kavach: zap: no \xffluck\n" }, { code, errors })
    assert.same({ version = 1, error = { kind = "io", message = "no \\xffluck" } },
      json.decode(out))
    assert.equal("", (select(2, main "zap")))
    for _, name in ipairs { "measure", "certs", "emulator", "report" } do
      assert.is_true(cli.find(name).tells_failure)
    end
  end)

  it("are left cancelled when they were", function()
    command { run = function() error(err.new("cancelled", "stop")) end }
    assert.error_matches(function() main "zap" end, "stop")
  end)

  it("exit with 0 when they return nothing", function()
    command { run = function() end }
    assert.equal(0, (main "zap"))
  end)

  it("show nothing that would move a terminal", function()
    command { run = function() return err.fail("io", "bad \27[2J\0\rname") end }
    local _, _, errors = main "zap"
    assert.equal("kavach: zap: bad \\x1b[2J\\x00\\x0dname\n", errors)
  end)

  it("log as JSON lines when asked to", function()
    command { run = function() return err.fail("io", "bad \xff\27") end }
    local _, _, errors = main("zap", "--log-format", "json")
    assert.same({ level = "error", message = "zap: bad \\xff\27" }, json.decode(errors))
    command { run = function() return err.fail("io", "x") end }
    _, _, errors = main "zap"
    assert.equal("kavach: zap: x\n", errors)
  end)
end)
