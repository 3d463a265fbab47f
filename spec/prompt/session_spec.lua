local core = require "kavach.core"
local frame = require "kavach.prompt.frame"
local host = require "support.host"
local kavach = require "kavach"
local prompts = require "support.prompts"

describe("a session", function()
  local front
  before_each(function() front = prompts.open() end)
  after_each(function() front:close() end)

  it("tells whom to send interrupts to, and gives the prompt", function()
    local first = front.frames[1]
    assert.equal(frame.WELCOME, first[1])
    local pid, number = string.unpack("<I4I4", first[2])
    assert.same({ core.getpid(), front.session.number }, { pid, number })
    assert.equal("> ", front.prompt)
    local other = prompts.open { banner = "hello" }
    assert.equal("hello\n", other.shown)
    assert.not_equal(number, other.session.number)
    other:close()
  end)

  it("shows what an expression gives, and keeps it", function()
    assert.equal("3\n", front:enter "1 + 2")
    assert.equal("6\n", front:enter "_ * 2")
    assert.equal("", front:enter "x = 5")
    assert.equal("7\n", front:enter "return x + 2")
    front:enter "10, nil, 30"
    assert.equal("40\n", front:enter "_1 + _3")
    assert.equal("nil\n", front:enter "_2")
    assert.equal("30\n", front:enter "_1 == 40 and 30")
    assert.equal("nil\n", front:enter "_3")
  end)

  it("keeps locals from one entry to the next, and to itself", function()
    front:enter "local n = 1"
    front:enter "local function up() n = n + 1 return n end"
    assert.equal("2\n", front:enter "up()")
    assert.equal("2\n", front:enter "n")
    assert.is_nil(rawget(front.session.globals, "n"))
    local other = prompts.open { globals = front.session.globals }
    assert.equal("nil\n", other:enter "n")
    front:enter "shared = 1"
    assert.equal("1\n", other:enter "shared")
    other:close()
  end)

  it("wants more of what is not whole", function()
    assert.is_true(front:wants_more "for i = 1, 2 do")
    assert.is_true(front:wants_more "x = {")
    assert.is_true(front:wants_more "s = [[ a\nb")
    assert.equal("3\n", front:enter "do\n  y = 3\nend return y")
  end)

  it("completes names, fields, options and commands", function()
    assert.same({ 4, { "kavach" } }, { front:complete "x = kava" })
    assert.same({ 4, { "sandbox" } }, { front:complete "kavach.sand" })
    assert.same({ 3, { "memory_limit_mb = " } }, { front:complete "kavach.sandbox { mem" })
    assert.same({ 3, { ".attach " } }, { front:complete ".at" })
    front:enter "local mine = { first = 1, second = 2 }"
    assert.same({ 2, { "mine" } }, { front:complete "mi" })
    assert.same({ 0, { "first", "second" } }, { front:complete "mine." })
    front:enter "& kavach.sleep(60000)"
    local _, choices = front:complete ".kill "
    assert.equal("1", choices[1]) -- and whatever sandboxes there are
  end)

  it("explains itself, its commands, kavach, and what a value is", function()
    assert.matches("%.attach ID %[CMD%] +A terminal in a sandbox", front:enter ".help")
    assert.matches("^%.kill ID|N\nEnd a sandbox", front:enter ".kill?")
    assert.equal(front:enter ".kill?", front:enter ".help .kill")
    assert.matches("memory_limit_mb", front:enter "kavach.sandbox?")
    assert.matches("cancel", front:enter ".help kavach.Task:cancel")
    front:enter "t = kavach.spawn(function() end)"
    assert.equal(front:enter ".help kavach.Task:await", front:enter "t:await?")
    assert.matches("there is nothing to say of kavach.sandbx %(did you mean kavach.sandbox%?%)",
      front:enter "kavach.sandbx?")
  end)

  it("says what is wrong, and goes on", function()
    assert.matches("unexpected symbol near '%+'", front:enter "x = + 1")
    local shown = front:enter "error 'on purpose'"
    assert.matches("on purpose", shown)
    assert.matches("at %(%d+%):1\n", front:enter ".trace")
    assert.matches("there was no error", prompts.open():enter ".trace")
    assert.matches("there is no command %.pss %(did you mean %.ps%?%)", front:enter ".pss")
    assert.equal("1\n", front:enter "1")
  end)

  it("lets what it runs wait, and be interrupted", function()
    for _, text in ipairs {
      "kavach.sleep(60000)", "while true do pcall(kavach.sleep, 10) end",
      "kavach.process.exec { 'sleep', '60' }",
      "kavach.map({ 1, 2 }, nil, function() kavach.sleep(60000) end)",
      "kavach.spawn(kavach.sleep, 60000):await()",
    } do
      front:begin(text)
      front:await(function() return front.session.state == "busy" end)
      kavach.sleep(5)
      local before = front.ready
      front:interrupt()
      front:await(function() return front.ready > before end)
      assert.matches("interrupted", front.shown)
    end
    assert.equal("1\n", front:enter "1")
  end)

  it("comes back without what cleans up for long", function()
    front:begin [[
      local _ = kavach.shield(function()
        while not over do kavach.sleep(5) end
      end)
    ]]
    front:await(function() return front.session.state == "busy" end)
    kavach.sleep(5)
    local before = front.ready
    front:interrupt()
    front:await(function() return front.ready > before end)
    assert.matches("it still cleans up: %[1%]", front.shown)
    assert.equal(1, front.session.jobs:count())
    front:enter "over = true"
    front:await(function() return front.session.jobs:count() == 0 end)
  end)

  it("comes back though its terminal takes nothing any more", function()
    front.session.own.out = function(text) front.session:print(text) end
    front:begin "while true do out(('x'):rep(100000)) kavach.sleep(1) end"
    front.stuck = true
    kavach.sleep(20)
    front:interrupt()
    front:await(function() return front.session.state == "ready" end)
    front.stuck = false
    front.changed:wake()
    front:with "interrupted"
    assert.equal("1\n", front:enter "1")
  end)

  it("calls what is left behind by what was entered", function()
    front:enter "1"
    front:begin ".time kavach.shield(function() while not over do kavach.sleep(5) end end)"
    front:await(function() return front.session.state == "busy" end)
    kavach.sleep(5)
    local before = front.ready
    front:interrupt()
    front:await(function() return front.ready > before end)
    assert.matches("ending +%.time kavach%.shield", front:enter ".jobs")
    front:enter "over = true"
    front:await(function() return front.session.jobs:count() == 0 end)
  end)

  it("takes the number of a job that has ended for no sandbox's", function()
    local client = require "kavach.sandbox.control.client"
    local find, connect, asked = client.find, client.connect, 0
    client.find = function() return { host = "12-1", box = { id = "12-1", name = "web" } } end
    client.connect = function()
      asked = asked + 1
      return nil, { message = "gone" }
    end
    assert.equal("there is no job 1, and no sandbox of that name\n", front:enter ".kill 1")
    assert.equal("there is no job 1, and no sandbox of that name\n", front:enter ".kill %1")
    assert.equal(0, asked)
    assert.equal("gone\n", front:enter ".kill 12-1")
    assert.equal("gone\n", front:enter ".kill we")
    client.find, client.connect = find, connect
  end)

  it("tells of the end of a sandbox, and is forgotten by it when it is over", function()
    local registry, waiters = require "kavach.sandbox.registry", require "kavach.sandbox.waiters"
    local vm = { changed = waiters.new(), state = "running" }
    registry.add { number = 1000001, id = "1-1000001", vm = vm }
    local watching = #vm.changed.watchers
    local others = { prompts.open(), prompts.open() }
    assert.equal(watching + 2, #vm.changed.watchers)
    for _, other in ipairs(others) do other:close() end
    assert.equal(watching, #vm.changed.watchers)
    vm.state, vm.cause, vm.ended = "stopped", { message = "of old age" }, true
    vm.changed:wake()
    vm.changed:wake()
    front:with "died"
    assert.equal("sandbox 1-1000001 died: of old age\n", front.shown)
  end)

  it("runs what has & before it in the background, and tells of its end", function()
    front:enter "function steep() repeat kavach.sleep(5) until over end"
    local entry = "steep() return 42"
    assert.equal("[1] " .. entry .. "\n", front:enter("& " .. entry))
    assert.matches("running  steep", front:enter ".jobs")
    front:enter "over = true"
    front:with(entry .. ": 42\n")
    assert.matches("%[1%] done in %d+%.%d s  steep", front.shown)
    assert.equal("42\n", front:enter "_")
    front:enter "& kavach.sleep(1) error 'no luck'"
    front:with "1: no luck\n"
    front.shown = front.shown:gsub("^%[2%] kavach[^\n]*\n", "")
    assert.matches("^%[2%] failed after %d+%.%d s  [^\n]*: %(%d+%):1: no luck\n$", front.shown)
    front:enter "& kavach.sleep(60000)"
    front:enter ".kill 3"
    front:with "[3] ended after"
    assert.equal("nothing runs in the background\n", front:enter ".jobs")
  end)

  it("tells of a task that failed, and lets the others be", function()
    front:enter "t = kavach.spawn(function() kavach.sleep(30) return 'alive' end)"
    front:enter "kavach.spawn(function() error 'lost' end)"
    front:with "a task failed: "
    assert.equal('"alive"\n', front:enter "t:await()")
  end)

  it("waits with printing while the terminal takes nothing", function()
    front:enter "print = nil"
    front.session.own.put = function(text) front.session:print(text) end
    front.stuck = true
    front:begin "for i = 1, 1000 do put(('x'):rep(999) .. '\\n') end return 'through'"
    front:await(function() return front.session.link.unsent > 200000 end)
    kavach.sleep(20)
    assert.is_true(front.session.link.unsent < 300000)
    front.stuck = false
    front.changed:wake()
    front:with '"through"\n'
    assert.equal(1000 * 1000 + 10, #front.shown)
  end)

  it("leaves by Ctrl-D and .quit, and asks if jobs would end", function()
    front:enter ".quit"
    assert.equal(0, front.left)
    local other = prompts.open { ends = function() return { "2 sandboxes" } end }
    other:enter "& kavach.sleep(60000)"
    other:end_of_input()
    other:await(function() return other.answering end)
    assert.equal("a job and 2 sandboxes would end: leave? [y/N] ", other.prompt)
    other:enter "n"
    assert.is_nil(other.left)
    assert.equal("2\n", other:enter "2")
    other:end_of_input()
    other:await(function() return other.answering end)
    other:enter "yes"
    assert.equal(0, other.left)
    other:close()
    assert.is_true(other.session.realm.count == 0
      or host.eventually(function() return other.session.realm.count == 0 end))
  end)

  -- Enters a line that reads, and answers with these, false for Ctrl-D; what is shown.
  local function reading(text, ...)
    local before = front.ready
    front:begin(text)
    for i = 1, select("#", ...) do
      local answer = select(i, ...)
      front:await(function() return front.answering and front.ready == before + i end)
      if answer then front:submit(answer) else front:end_of_input() end
    end
    front:await(function() return not front.answering and front.ready > before end)
    return front.shown
  end

  it("asks for what its entries read, and the rest goes on", function()
    assert.equal('"one"\n', reading("io.read()", "one"))
    assert.equal('"two\\n"  3  -2.5\n',
      reading("io.read('L', 'n', 'n')", "two", "", " 3", "-2.5 x"))
    assert.equal('"y"  "z\\n"\n', reading("io.read(1), io.stdin:read(2)", "yz"))
    assert.equal('31  nil\n', reading("io.read('n', 'n', 'n')", "0x1F no"))
    assert.equal('"new"\n', reading("io.read()", "new")) -- that was the entry before
    for text, wanted in pairs {
      ["5+3"] = '5  "+3"', ["2024-05-06"] = '2024  "-05-06"', ["1.2.3"] = '1.2  ".3"',
      ["-0x1p4 x"] = '-16.0  " x"', ["1e2e3"] = '100.0  "e3"', ["  7"] = '7  ""',
    } do
      assert.equal(wanted .. "\n", reading("io.read('n', 'l')", text), text)
    end
    assert.equal("nil\n", reading("io.read('n', 'l')", "e5"))
    assert.equal('nil  "p3"\n', reading("return (io.read 'n'), io.read()", "0xp3"))
    assert.equal('"12"  "file"  nil  "the terminal is not closed here"\n',
      reading("io.read(2.0), io.type(io.stdin), io.stdin:close()", "12"))
    assert.equal('4  ""  nil\n',
      reading("#io.read '*a', io.read('a', 0)", "a", "b", false, false, false))
    assert.equal("3\n", reading("n = 0 for l in io.lines() do n = n + #l end return n", "a", "bc",
      false))
    assert.equal("nil\n", reading("io.read()", false))
    assert.matches("invalid format", reading "io.read 'x'")
    assert.matches("bad argument #2 to 'read'", reading "io.read('l', -1)")
    front:enter "ticks = 0"
    front:begin [[
      kavach.spawn(function() while ticks < 3 do kavach.sleep(1) ticks = ticks + 1 end end)
      io.read()
    ]]
    front:await(function() return front.answering end)
    front:await(function() return front.session.globals.ticks == 3 end)
    front:interrupt()
    front:await(function() return not front.answering end)
    assert.equal("interrupted\n", front.shown)
    assert.equal("1\n", front:enter "1")
  end)

  it("withdraws a question that is called off, and takes no answer to it any more", function()
    front:begin [[
      kavach.scope(function()
        kavach.spawn(function() repeat kavach.sleep(1) until over error "boom" end)
        answered = pcall(io.read)
        kavach.shield(function() repeat kavach.sleep(1) until settled end)
      end)
    ]]
    front:await(function() return front.answering end)
    local late = string.pack("<I4", front.invited) .. "settled = 1"
    front.session.globals.over = true
    front:await(function() return front.session.globals.answered ~= nil end)
    assert.equal("busy", front.session.state)
    front:say(frame.SUBMIT, late)
    front.session.globals.settled = true
    front:with "boom"
    front:await(function() return front.session.state == "ready" end)
    front:say(frame.SUBMIT, late)
    assert.equal("false\n", front:enter "answered")
    assert.equal("true\n", front:enter "settled")

    front:begin "kavach.shield(io.read)" -- so is not called off for a while
    front:await(function() return front.answering end)
    local before = front.ready
    front:interrupt()
    front:await(function() return front.ready > before end)
    assert.equal("1\n", front:enter "1")
    front:await(function() return front.session.jobs:count() == 0 end)
    assert.equal("2\n", front:enter "2")
  end)

  it("takes no Ctrl-D that was for a question before, and has none asked for ever", function()
    front:begin "pcall(kavach.deadline, 10, io.read)"
    front:await(function() return front.answering end)
    local late = string.pack("<BI4", 0, front.invited)
    front:await(function() return front.session.state == "ready" end)
    front:say(frame.END, late)
    assert.equal("1\n", front:enter "1")
    assert.is_nil(front.left)

    front:begin "local ok = pcall(io.read) return kavach.shield(io.read)"
    front:await(function() return front.answering end)
    local before = front.ready
    front:interrupt()
    front:await(function() return front.ready > before and not front.answering end)
    front:await(function() return front.session.jobs:count() == 0 end)
  end)

  it("has one reader at a time, which gets all that it asks for", function()
    assert.equal('"one\\n"  "two\\n"  nil\n', reading([[
      local a, b, stolen
      kavach.scope(function()
        kavach.spawn(function()
          kavach.sleep(1)
          while not b do stolen = stolen or io.read() kavach.sleep(0) end
        end)
        a, b = io.read("L", "L")
      end)
      return a, b, stolen
    ]], "one", "two"))
  end)

  it("reads what it is to read elsewhere from there, and nothing in the background", function()
    local folder, remove = host.folder()
    local path = host.write(folder .. "/text", "from a file\nand more\n")
    assert.equal('"from a file"\n', front:enter(("io.lines(%q)()"):format(path)))
    front:enter(("io.input(%q)"):format(path))
    assert.equal('"from a file"\n', front:enter "io.read()")
    front:enter "io.input(io.stdin)"
    assert.equal('"typed"\n', reading("io.input():read()", "typed"))
    front:enter "& return select(2, io.read())"
    front:with "only an entry, and tasks that it waits for, read from the terminal"
    assert.equal('"in time"\n', reading("kavach.deadline(60000, io.read)", "in time"))
    front:begin "kavach.deadline(10, io.read)"
    front:with "error timeout"
    front:await(function() return front.session.state == "ready" end)
    assert.matches("^%(%d+%):1: cannot open file '/none'", front:enter 'local l = io.lines "/none"')
    assert.equal('{ "first" }  "something else reads from the terminal just now"\n', reading([[
      local why
      local list = kavach.map({ 1, 2 }, nil, function(i)
        if i == 1 then return (io.read()) end
        why = select(2, io.read())
      end)
      return list, why
    ]], "first"))
    remove()
  end)

  it("is over when the terminal is gone, with what ran in it", function()
    front:enter "& kavach.sleep(60000)"
    front:begin "kavach.sleep(60000)"
    front:say(frame.END, "\1")
    front:await(function() return front.session.over and front.session.realm.count == 0 end)
  end)

  it("is over when its front end breaks the rules", function()
    for _, said in ipairs {
      { frame.HELLO, "\80\0\24\0\0" }, { 99, "" }, { frame.SIZE, "\0" },
    } do
      local other = prompts.open()
      other:say(table.unpack(said))
      other:await(function() return other.session.over end)
      other:close()
    end
  end)
end)
