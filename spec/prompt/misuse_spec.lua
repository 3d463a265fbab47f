local frame = require "kavach.prompt.frame"
local host = require "support.host"
local kavach = require "kavach"
local program = require "support.program"
local prompts = require "support.prompts"

describe("the prompt, misused:", function()
  local front
  before_each(function() front = prompts.open() end)
  after_each(function() front:close() end)

  it("hostile values are shown, and run nothing", function()
    front:enter [[
    local function run() ran = true error "no" end
    hostile = setmetatable({ 1, x = "\27[2J" }, {
      __tostring = run, __pairs = run, __index = run, __len = run,
      __name = "\27[31m", __metatable = false,
    })]]
    local shown = front:enter "hostile"
    assert.not_matches("\27", shown)
    assert.matches("2J", shown)
    assert.same({ 0, {} }, { front:complete "hostile:" })
    assert.same({ 0, { "x" } }, { front:complete "hostile." })
    front:enter "& hostile" -- its end is told with its value
    front:with "[1] done"
    assert.not_matches("\27", front.shown)
    front:enter "error(hostile)"
    front:enter ".trace"
    assert.equal("nil\n", front:enter "ran")
  end)

  it("control characters in messages are shown as such", function()
    local folder, remove = host.folder()
    host.write(folder .. "/bad.lua", "x = \"\27[2J\n")
    assert.matches("unfinished string", front:enter(".load " .. folder .. "/bad.lua"))
    assert.not_matches("\27", front.shown)
    assert.not_matches("\27", front:enter ".load /none\27[2J")
    front:enter "t = kavach.spawn(kavach.sleep, 60000) t:cancel 'first\27[2J\\nsecond'"
    assert.equal("first\\x1b[2J\nsecond\n", front:enter "error(select(2, t:await()))")
    remove()
  end)

  it("a long value of a job is told in a line", function()
    front:enter "& kavach.sleep(1) return ('x'):rep(10000)"
    front:with "[1] done"
    assert.is_true(#front.shown < 300)
  end)

  it("a request that fails is told, and costs nothing else", function()
    local complete = require "kavach.prompt.complete"
    local parse = require "kavach.prompt.entry"
    local at, as = complete.at, parse.parse
    complete.at, parse.parse = function() error "no choices" end, function() error "no entry" end
    front:say(frame.COMPLETE, string.pack("<I4I4", 9, 1) .. "k")
    front:with "no choices"
    assert.matches("no entry", front:enter "1 + 2")
    complete.at, parse.parse = at, as
    assert.equal("3\n", front:enter "1 + 2")
  end)

  it("Ctrl-D at a question answers nothing", function()
    front:enter "& kavach.sleep(60000)"
    front:begin ".quit"
    front:await(function() return front.answering end)
    local before = front.ready
    front:end_of_input()
    front:await(function() return front.ready > before end)
    assert.equal("1\n", front:enter "1")
  end)

  it("blocks that are not balanced are wrong, or not whole", function()
    assert.is_true(front:wants_more "while true do if x then")
    assert.is_true(front:wants_more "f(")
    assert.matches("near '%)'", front:enter "f(1))")
    assert.matches("<eof> expected near 'end'", front:enter "x = 1 end")
    assert.is_true(front:wants_more "s = [==[ ]]")
  end)

  it("a line of ten megabytes is one, and its end is there", function()
    local text = ("x"):rep(10 * 1024 * 1024)
    assert.equal(#text .. "\n", front:enter("#'" .. text .. "'"))
    assert.matches("'%]?", front:enter("= = " .. text):sub(1, 200))
    front:enter(text)
  end)

  it("bytes that are no text are an error, which shows none of them", function()
    local shown = front:enter "\1\2\255\27[2J"
    assert.not_matches("[\1\2\27\255]", shown)
    assert.matches("unexpected symbol", shown)
  end)

  it("globals that are missed, or are guarded, do not keep one out", function()
    front:enter "print, tostring, error, pcall, type, next, coroutine = nil"
    assert.equal("3\n", front:enter "1 + 2")
    local strict = prompts.open { globals = setmetatable({}, {
      __index = function(_, name) error("no global " .. name, 0) end,
      __newindex = function(_, name) error("no new global " .. name, 0) end,
    }) }
    assert.equal("3\n", strict:enter "1 + 2")
    assert.matches("^no global nope\n", strict:enter "nope")
    assert.matches("^no new global nope\n", strict:enter "nope = 1")
    assert.equal("4\n", strict:enter "local mine = 4 return mine")
    assert.same({ 1, { "mine" } }, { strict:complete "m" })
    strict:close()
  end)

  it("a memory or stack that is used up is an error", function()
    front:enter "function deep() return deep() + 1 end"
    assert.matches("stack overflow", front:enter "deep()")
    assert.matches("resulting string too large", front:enter "('x'):rep(1 << 60)")
    assert.equal("3\n", front:enter "1 + 2")
  end)

  it("commands that lack something say what", function()
    for entered, message in pairs {
      [".exec"] = "what is to run? .exec ID CMD", [".attach"] = "to which sandbox? .attach ID",
      [".kill"] = "what? .kill ID, or .kill N", [".logs"] = "whose? .logs ID [-f]",
      [".load"] = "which file? .load FILE", [".save"] = "to which file? .save FILE",
      [".time"] = "what is it to do? .time EXPR", [".watch for"] = "the expression is not finished",
      [".reload"] = "nothing was loaded: .load FILE",
      [".time ="] = "the expression is not finished",
      [".kill nonesuch-1"] = "no sandbox 'nonesuch-1'; .ps lists them",
      [".load /"] = "cannot read /: Is a directory",
    } do
      local shown = front:enter(entered)
      assert.equal(message, shown:sub(1, #message), entered)
    end
  end)
end)

describe("a prompt that cannot be", function()
  it("says why, and fails", function()
    local p <close> = assert(kavach.process.start({ program.build .. "/spec/prompt/pty", "80", "24",
      "env", "KAVACH_LIB_DIR=/nonexistent", program.kavach }, { stdin = "pipe" }))
    assert.equal("kavach: the prompt: cannot run '/nonexistent/prompt': "
      .. "No such file or directory\r\n", p.stdout:read_all())
    local code = p:wait().exit_code
    assert.equal(1, code)
  end)
end)

describe("without a terminal", function()
  it("standard input is a script, as with lua5.4; bytes that are none are an error", function()
    local code, out = program.shell("echo 'print(6 * 7)' | " .. program.kavach)
    assert.same({ 0, "42\n" }, { code, out })
    local errors
    code, out, errors = program.shell(
      "head -c 100000 /dev/urandom | " .. program.kavach .. " | cat; echo done")
    assert.equal("done\n", out)
    assert.matches("^kavach: stdin:1: ", errors)
    assert.equal(0, code)
  end)

  it("kavach repl says that it needs one, and of what it cannot reach", function()
    local code, _, errors = program.run "repl"
    assert.same({ 1, "kavach: repl: standard input and output must be a terminal\n" },
      { code, errors })
    assert.equal(64, (program.run("repl", "--conect", "x")))
    local folder, remove = host.folder()
    for where, message in pairs {
      [folder .. "/none"] = "cannot connect to '" .. folder .. "/none': No such file or directory",
      ["nonesuch-2"] = "no sandbox 'nonesuch-2'",
    } do
      code, errors = program.shell(("script -qec '%s repl --connect %s' /dev/null"):format(
        program.kavach, where))
      assert.equal(1, code)
      assert.matches(message, errors, 1, true)
    end
    remove()
  end)

  it("kavach serve refuses what a host without a sandbox has no use for", function()
    local code, _, errors = program.run("serve", "--no-sandbox", "--memory", "96")
    assert.same({ 125, "kavach: serve: --no-sandbox: --memory is for a sandbox\n" },
      { code, errors })
    code, _, errors = program.run("serve", "--no-sandbox", "true")
    assert.same({ 125, "kavach: serve: --no-sandbox: a command is for a sandbox\n" },
      { code, errors })
    code, _, errors = program.run("serve", "--no-sandbox", "--socket", "/nonesuch/socket")
    assert.equal(125, code)
    assert.matches("cannot listen on '/nonesuch/socket'", errors, 1, true)
  end)
end)
