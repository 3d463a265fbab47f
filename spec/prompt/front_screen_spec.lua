local front = require "support.front"
local host = require "support.host"
local program = require "support.program"

describe("on the screen, the front end of a prompt", function()
  local f

  before_each(function() f = front.open() end)
  after_each(function() f:close() end)

  local combined = "e\u{301}"

  it("shows wide and combining characters, and edits them whole", function()
    f:begin():type("日本語" .. combined .. "x"):shows { "> 日本語" .. combined .. "x" }:cursor(10, 0)
    f:keys("Left", "Left"):cursor(8, 0):keys("DC"):shows { "> 日本語x" }
    f:keys("BSpace"):shows { "> 日本x" }:cursor(6, 0):type(combined)
    f:shows { "> 日本" .. combined .. "x" }:cursor(7, 0):keys("Enter")
    assert.equal("日本" .. combined .. "x", f:take())
  end)

  it("breaks lines at the edge, wide characters whole", function()
    f:begin():type(("a"):rep(77)):cursor(79, 0):type("日本")
    f:shows { "> " .. ("a"):rep(77), "日本" }:cursor(4, 1)
    f:keys("C-a"):type("b"):shows { "> b" .. ("a"):rep(77), "日本" }
    f:keys("End"):type(("c"):rep(76)):shows { "> b" .. ("a"):rep(77), "日本" .. ("c"):rep(76) }
    f:cursor(0, 2):keys("BSpace"):cursor(79, 1):type("c"):cursor(0, 2):keys("Enter")
    assert.equal("b" .. ("a"):rep(77) .. "日本" .. ("c"):rep(76), f:take())
    f:shows { "> b" .. ("a"):rep(77), "日本" .. ("c"):rep(76), ">" }
  end)

  it("prints above the line that is edited", function()
    f:begin():type("half a line"):send("OUTPUT", "one\ntwo\n")
    f:shows { "one", "two", "> half a line" }
    f:cursor(13, 2):keys("Home"):print("from the host\n")
    f:shows { "one", "two", "from the host", "> half a line" }:cursor(2, 3)
    f:type(("x"):rep(100)):with(("x"):rep(78))
    f:send("OUTPUT", "three\n")
    f:shows { "one", "two", "from the host", "three", "> " .. ("x"):rep(78),
      ("x"):rep(22) .. "half a line" }:cursor(22, 5)
  end)

  it("goes on with what was printed without an end", function()
    f:begin():type("abc"):send("OUTPUT", "0%"):shows { "0%", "> abc" }
    f:send("OUTPUT", " 50%"):shows { "0% 50%", "> abc" }:cursor(5, 1)
    f:send("OUTPUT", "\r\27[K100%\n"):shows { "100%", "> abc" }
    f:send("OUTPUT", "日\tx"):send("OUTPUT", ("y"):rep(80)):with("> abc")
    f:shows { "100%", "日      x" .. ("y"):rep(71), ("y"):rep(9), "> abc" }
  end)

  it("prints at any time: after a lone ESC, half a character, in a search", function()
    f:begin():type("abc"):raw("\27"):send("OUTPUT", "1\n"):shows { "1", "> abc" }
    front.kavach.sleep(50) -- or it is Alt
    f:raw("\xe6\x97"):send("OUTPUT", "2\n"):shows { "1", "2", "> abc" }
    f:raw("\xa5"):shows { "1", "2", "> abc日" }
    f:keys("C-r"):type("q"):with "q':"
    f:send("OUTPUT", "3\n")
    f:shows { "1", "2", "3", "(no such entry)`q': abc日" }:keys "C-g"
    f:shows { "1", "2", "3", "> abc日" }
  end)

  it("does not cut characters as it prints", function()
    f:begin():type "abc"
    f.tmux:run("pipe-pane -o -t spec \"cat >" .. f.folder .. "/bytes\"")
    f:print((("日"):rep(26) .. "\n"):rep(4000) .. "end\n"):with "end\n> abc"
    assert.is_truthy(utf8.len(host.slurp(f.folder .. "/bytes")))
  end)

  it("prints what an entry does behind it, and all before the next prompt", function()
    f:begin():type("x"):keys("Enter")
    f:expect "SUBMIT"
    f:send("BUSY"):print("printed\n"):send("OUTPUT", "said\n"):ready "next> "
    f:shows { "> x", "printed", "said", "next>" }
    f:type("y"):keys("Enter")
    f:expect "SUBMIT"
    local process = f:process()
    assert.equal(0, (program.shell("kill -STOP " .. process)))
    f:print(("much\n"):rep(60000)):send("BUSY"):ready "last> "
    assert.equal(0, (program.shell("kill -CONT " .. process)))
    f:with "last>"
    local lines = f:lines()
    assert.same({ "much", "much", "last>" }, { table.unpack(lines, #lines - 2) })
  end)

  -- #memory: a sanitizer keeps what is freed for a while.
  it("prints much, and does not grow or wait for that #memory", function()
    f:begin():type "abc"
    local line = ("z"):rep(70) .. "\n"
    for _ = 1, 40 do f:send("OUTPUT", line:rep(1000)) end
    f:send("OUTPUT", "end\n"):with "end"
    f:type("d"):keys("Enter")
    assert.equal("abcd", f:take())
    local status = host.slurp("/proc/" .. f:process() .. "/status")
    assert.is_true(tonumber(status:match "VmHWM:%s+(%d+)") < 20000, status)
  end)

  it("is drawn right in a terminal of another size", function()
    local text = ("0123456789"):rep(10)
    f:begin():send("OUTPUT", "before\n"):type(text)
    f:shows { "before", "> " .. text:sub(1, 78), text:sub(79) }
    -- Lines that become more have tmux put those at the top away.
    f.tmux:run "resize-window -t spec -x 50 -y 20"
    assert.equal(("<I2I2"):pack(50, 20), f:expect "SIZE")
    f:shows({ "before", "> " .. text:sub(1, 48), text:sub(49, 98), text:sub(99) }, true)
    f:cursor(2, 2)
    f.tmux:run "resize-window -t spec -x 120 -y 10"
    f:shows({ "before", "> " .. text }, true):keys "Home"
    f:cursor(2, 0)
    f.tmux:run "resize-window -t spec -x 30 -y 12"
    f:shows({ "before", "> " .. text:sub(1, 28), text:sub(29, 58), text:sub(59, 88),
      text:sub(89) }, true)
    f:keys("End", "Enter")
    assert.equal(text, f:expect("SUBMIT", "SIZE"))
  end)

  it("shows the part around the cursor of what is higher than the screen", function()
    local lines = {}
    for i = 1, 40 do lines[i] = "line " .. i end
    f:begin():paste(table.concat(lines, "\n")):with "line 40"
    f:shows { table.unpack(lines, 21) }:cursor(7, 19)
    for _ = 1, 25 do f:keys "Up" end
    f:shows { table.unpack(lines, 15, 34) }:cursor(7, 0)
    f:keys("C-a"):type("x"):keys("Enter")
    lines[15] = "xline 15"
    assert.equal(table.concat(lines, "\n"), f:take())
  end)

  it("has a spinner while something runs for long", function()
    f:begin():type("x"):keys("Enter")
    f:expect "SUBMIT"
    f:send "BUSY"
    f:ends " [^ ]+ %d+%.%d s"
    f:cursor(0, 1)
    f:send("OUTPUT", "half"):shows { "> x", "half" }
    front.kavach.sleep(400)
    f:shows { "> x", "half" }:send("OUTPUT", " done\n"):with " s"
    f:ready()
    f:shows { "> x", "half done", ">" }
  end)

  it("has a spinner of ASCII where there is no more, and none where there is no room", function()
    f:close()
    local folder, remove = host.folder()
    local made = program.shell("localedef -c -i en_US -f ANSI_X3.4-1968 " .. folder .. "/ascii")
    f = front.open { env = ("LOCPATH=%s LC_ALL=ascii"):format(folder) }
    remove()
    remove()
    if made ~= 0 then return pending "localedef cannot make a locale" end
    assert.equal(1, f.hello:byte(5))
    f:begin():type("é"):keys("Enter"):with "> ?"
    assert.equal("é", f:expect "SUBMIT")
    f:send("BUSY"):with " s"
    assert.matches("^ [-|/\\\\] %d%.%d s$", f:lines()[2])
    f.tmux:run "resize-window -t spec -x 15 -y 20"
    f:expect "SIZE"
    front.kavach.sleep(300)
    f:shows { "> ?" }
  end)

  it("stops what runs at Ctrl-C, at once", function()
    local sign = f.folder .. "/sign"
    local process = assert(front.kavach.process.start { "sh", "-c",
      ("trap 'echo got > %s' URG; echo ready; while :; do sleep 0.01; done"):format(sign) })
    front.kavach.sleep(100)
    f:send("WELCOME", ("<I4I4"):pack(process:pid(), 7)):begin():type("x"):keys("Enter")
    f:expect "SUBMIT"
    f:keys "C-c"
    f:expect "INTERRUPT"
    assert.is_true(host.eventually(function() return host.slurp(sign) == "got\n" end))
    f:send "BUSY"
    f:with ">"
    front.kavach.sleep(100)
    f:keys "C-c"
    f:expect "INTERRUPT"
    process:kill()
    f:ready():with ">"
  end)
end)
