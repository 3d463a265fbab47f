local front = require "support.front"
local host = require "support.host"
local program = require "support.program"

describe("the terminal of a prompt's front end", function()
  local f

  after_each(function()
    if f then f:close() end
    f = nil
  end)

  local stty = "stty -a | grep -o -w -E -e \"-?(icanon|echo|isig|opost|icrnl)\" | xargs echo"
  local usual = "icrnl opost isig icanon echo"

  local function opens(options)
    options = options or {}
    options.after = options.after or stty
    f = front.open(options)
    return f
  end

  it("is as it was, whatever it ends with", function()
    for what, ending in pairs {
      ["left 7"] = function() f:send("BYE", "\7") end,
      ["left 1"] = function() f.stream:close() end,
      ["left 143"] = function() program.shell("kill " .. f:process()) end,
      ["left 129"] = function() program.shell("kill -HUP " .. f:process()) end,
    } do
      opens():begin():type("some text"):with "some text"
      ending()
      f:with(usual)
      local lines = f:lines()
      assert.equal("> some text", lines[1])
      assert.same({ what, usual }, { lines[#lines - 1], lines[#lines] })
      if what == "left 1" then assert.equal("kavach: the host has ended", lines[2]) end
      f:close()
    end
    f = nil
  end)

  it("is as it was after a frame that is none", function()
    opens():begin()
    f.stream:write "\0\0\0\0\0"
    f:with(usual)
    assert.matches("is no frame of a prompt", table.concat(f:lines(), "\n"), 1, true)
  end)

  it("is told to the session to be gone", function()
    opens():begin()
    program.shell("kill " .. f:process())
    assert.equal("\1", f:expect "END")
    f:close()
    opens():begin()
    local process = f:process()
    f.tmux:close()
    assert.equal("\1", f:expect "END")
    assert.is_true(host.eventually(function()
      return not host.slurp("/proc/" .. process .. "/stat")
    end))
    f = nil
  end)

  it("is mended if who had it before was killed", function()
    opens { before = "stty raw -echo; true" }
    f:begin():type("x"):keys "Enter"
    f:expect "SUBMIT"
    f:send("BUSY"):send("OUTPUT", "one\ntwo\n"):send("BYE", "\0")
    f:with(usual)
    assert.same({ "> x", "one", "two", "left 0", usual }, f:lines())
  end)

  it("is mended if what runs leaves it in a mode of its own", function()
    opens():begin():type("x"):keys "Enter"
    f:expect "SUBMIT"
    f:send("BUSY"):send("OUTPUT", "busy\n"):with "busy"
    local tty = f.tmux:run("display-message -p -t spec '#{pane_tty}'"):gsub("\n", "")
    assert.equal(0, (program.shell("stty raw -echo -F " .. tty)))
    f:send("BYE", "\0"):with(usual)
  end)

  it("is mended by the next after a kill that cannot be caught", function()
    f = front.open { shell = true }
    f:begin()
    program.shell("kill -9 " .. f:process())
    f:with "Killed"
    f.stream:close()
    -- A shell mends it for itself, but not for its children.
    f:type("stty -icanon -echo -isig -opost; " .. f.line .. "; " .. stty):keys "Enter"
    f:attach():begin "again> "
    f:send("BYE", "\0"):with(usual)
  end)

  it("has the mode for what runs while it runs", function()
    opens():begin():type("x"):keys "Enter"
    f:expect "SUBMIT"
    f:send "BUSY"
    local tty = f.tmux:run("display-message -p -t spec '#{pane_tty}'"):gsub("\n", "")
    local function mode()
      local _, out = program.shell(("stty -a -F %s | tr ';' '\\n'"):format(tty))
      return out
    end
    assert.is_true(host.eventually(function() return mode():find(" icanon", 1, true) end))
    assert.matches(" echo ", mode(), 1, true)
    program.shell("stty -F " .. tty .. " erase ^H")
    f:ready():with "> x\n>"
    assert.is_true(host.eventually(function() return mode():find("-icanon", 1, true) end))
    f:send("BYE", "\0"):with(usual)
    assert.matches("erase = ^H", mode(), 1, true)
  end)

  it("has pastes in brackets only while a line is edited", function()
    opens { after = "true" }
    f.tmux:run("pipe-pane -o -t spec \"cat >" .. f.folder .. "/bytes\"")
    f:begin():type("x"):keys "Enter"
    f:expect "SUBMIT"
    f:send("BUSY"):send("OUTPUT", "out\n"):ready():send("BYE", "\0"):with "left"
    local bytes = host.slurp(f.folder .. "/bytes")
    local seen = {}
    for word in bytes:gmatch "\27%[%?2004(%l)" do seen[#seen + 1] = word end
    assert.equal("hlhl", table.concat(seen))
    assert.is_true(bytes:find("2004l[^\n]*out", 1) ~= nil)
  end)

  it("must be one", function()
    local code, _, errors = program.shell(("%s 3<>/dev/null </dev/null"):format(front.program))
    assert.same({ 64, "kavach: standard input is no terminal\n" }, { code, errors })
    code, _, errors = program.shell(front.program .. " 3>&- </dev/null")
    assert.same({ 64, "prompt: there is no session: kavach runs this\n" }, { code, errors })
    code = program.shell(front.program .. " --what")
    assert.equal(64, code)
  end)

  it("may have no colours, or they may not be wanted", function()
    for env, flags in pairs {
      [""] = 3, ["NO_COLOR=1"] = 2, ["NO_COLOR="] = 3, ["TERM=vt100"] = 2, ["TERM=dumb"] = 6,
      ["TERM=nonesuch"] = 6, ["TERM="] = 6, ["LC_ALL=C"] = 3, ["LC_ALL="] = 3,
    } do
      opens { env = env }
      assert.equal(flags, f.hello:byte(5), env)
      f:close()
    end
    f = nil
  end)
end)

describe("on a dumb terminal, the front end of a prompt", function()
  local f

  before_each(function()
    f = front.open { env = "TERM=dumb", after = "true" }
    f.tmux:run("pipe-pane -o -t spec \"cat >" .. f.folder .. "/bytes\"")
    f:begin()
  end)
  after_each(function()
    f:close()
  end)

  it("reads lines, prints, and writes no sequence at all", function()
    f:type("do"):keys("Enter")
    assert.equal("do", f:expect "SUBMIT")
    f:send("MORE"):with "\n>>"
    f:type("end"):keys("Enter")
    assert.equal("do\nend", f:expect "SUBMIT")
    f:send "BUSY"
    front.kavach.sleep(500)
    f:send("OUTPUT", "out\n"):ready():with "out\n>"
    f:print("later\n"):with "later\n>"
    f:shows { "> do", ">> end", "out", ">", "later", ">" }
    f:type("gone"):keys("C-c"):with "gone^C\n(Ctrl-D or .quit leaves)\n>"
    f:keys "C-d"
    assert.equal("\0", f:expect "END")
    f:send("BYE", "\0"):with "left 0"
    assert.is_nil(host.slurp(f.folder .. "/bytes"):find "\27")
  end)

  it("refuses an answer at Ctrl-C", function()
    f:type("x"):keys("Enter")
    f:expect "SUBMIT"
    f:send("BUSY"):ready("Name: ", 1):with "Name:"
    f:type("xy"):keys("C-c")
    f:expect "INTERRUPT"
    f:send("BUSY"):ready("next> "):with "Name: xy^C\nnext>"
  end)

  it("goes on below a question that is withdrawn", function()
    f:type("x"):keys("Enter")
    f:expect "SUBMIT"
    f:send("BUSY"):ready("Name: ", 1):with "Name:"
    f:send("BUSY", "", "OUTPUT", "no\n"):ready("next> "):with "Name:\nno\nnext>"
  end)

  it("stops what runs at Ctrl-C", function()
    f:type("x"):keys("Enter")
    f:expect "SUBMIT"
    f:send "BUSY"
    front.kavach.sleep(100)
    f:keys "C-c"
    f:expect "INTERRUPT"
  end)
end)
