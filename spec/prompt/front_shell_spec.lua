local front = require "support.front"
local host = require "support.host"

describe("in a shell, the front end of a prompt", function()
  local f

  after_each(function() f:close() end)

  local stty = "stty -a | grep -o -w -E -e \"-?(icanon|echo|isig|opost|icrnl)\" | xargs echo"
  local usual = "icrnl opost isig icanon echo"

  local function is_stopped()
    return host.slurp("/proc/" .. f:process() .. "/stat"):match "%) T " ~= nil
  end

  --- In a shell, with the screen empty above the prompt.
  local function opens()
    f = front.open { shell = true }
    return f:begin():keys("C-l"):shows { ">" }
  end

  it("goes to the shell at Ctrl-Z, and comes back", function()
    opens():type("abc"):keys("C-z"):with "topped"
    f:type("echo in $((1 + 1)); " .. stty):keys("Enter"):with("in 2\n" .. usual)
    f:send("OUTPUT", "meanwhile\n")
    f:type("fg"):keys("Enter"):with "meanwhile\n> abc"
    f:type("d"):with "> abcd"
    f:keys "Enter"
    assert.equal("abcd", f:expect "SUBMIT")
    f:send "BUSY"
    front.kavach.sleep(100)
    f:keys("C-z"):type("echo again"):keys("Enter"):with "\nagain"
    f:type("fg"):keys("Enter")
    front.kavach.sleep(100)
    f:ready("next> "):with "next>"
    f:type("ok"):keys("Enter")
    assert.equal("ok", f:expect "SUBMIT")
  end)

  it("ignores Ctrl-Z where there is no shell to come back from", function()
    f = front.open():begin()
    f:keys("C-z"):type("a"):shows { "> a" }
  end)

  it("comes back with its line once, however many rows that has", function()
    opens():type(("x"):rep(100)):keys("C-z"):with "topped"
    f:type("clear; fg"):keys("Enter"):cursor(22, 4)
    local lines = f:lines()
    assert.same({ "> " .. ("x"):rep(78), ("x"):rep(22) }, { table.unpack(lines, #lines - 1) })
    assert.equal(5, #lines)
  end)

  it("tells the session the size that the terminal has got meanwhile", function()
    opens():type("x"):keys("C-z"):with "topped"
    f.tmux:run "resize-window -t spec -x 60 -y 20"
    f:type("clear; fg"):keys("Enter")
    assert.equal(("<I2I2"):pack(60, 20), f:expect "SIZE")
    f:ends "> x"
  end)

  it("stops in the background before it edits a line, and draws nothing there", function()
    opens():type("abc"):keys("C-z"):with "topped"
    f:type("clear; bg"):keys("Enter"):with "[1]"
    assert.is_true(host.eventually(is_stopped))
    f:send("OUTPUT", "meanwhile\n")
    f:type("echo in $((1 + 1)); " .. stty):keys("Enter"):with("in 2\n" .. usual)
    assert.is_nil(table.concat(f:lines(), "\n"):find "> abc")
    f:type("fg"):keys("Enter"):with "meanwhile\n> abc"
    f:type("d"):keys("Enter")
    assert.equal("abcd", f:take())
  end)

  it("runs on in the background until a line is to be edited", function()
    opens():type("x"):keys("Enter")
    f:expect "SUBMIT"
    f:send("BUSY", "", "OUTPUT", "busy\n"):with "busy"
    f:keys("C-z"):with "topped"
    f:type("clear; bg; echo in $((1 + 1))"):keys("Enter"):with "in 2"
    f:send("OUTPUT", "still\n"):with "still"
    front.kavach.sleep(500) -- it would have a spinner
    assert.is_nil(table.concat(f:lines(), "\n"):find "%d%.%d s")
    f:ready "next> "
    assert.is_true(host.eventually(is_stopped))
    assert.is_nil(table.concat(f:lines(), "\n"):find "next>")
    f:type("fg"):keys("Enter"):with "next>"
    f:type("y"):keys("Enter")
    assert.equal("y", f:take())
  end)

  it("can be ended while it is stopped, and leaves the shell's screen alone", function()
    opens():type("abc"):keys("C-z"):with "topped"
    f:type("clear; kill %1; kill -CONT %1; wait; echo end; " .. stty):keys("Enter")
    assert.equal("\1", f:expect "END")
    f:with("end\n" .. usual)
    assert.is_nil(table.concat(f:lines(), "\n"):find "> abc")
  end)
end)
