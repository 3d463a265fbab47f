local front = require "support.front"
local host = require "support.host"

describe("the front end of a prompt", function()
  local f

  before_each(function() f = front.open():begin() end)
  after_each(function() f:close() end)

  it("tells the session what the terminal is", function()
    assert.equal(("<I2I2B"):pack(80, 20, 1 + 2), f.hello)
  end)

  it("shows what is typed, and submits it", function()
    f:type("print(1)"):shows { "> print(1)" }:cursor(10, 0)
    f:keys "Enter"
    assert.equal("print(1)", f:expect "SUBMIT")
    f:send("BUSY"):send("OUTPUT", "1\n"):ready("> "):shows { "> print(1)", "1", ">" }:cursor(2, 2)
    f:keys "Enter"
    assert.equal("", f:expect "SUBMIT")
    f:ready("> "):shows { "> print(1)", "1", ">", ">" }
  end)

  it("drops a line at Ctrl-C, and says how to leave if there is none", function()
    f:type("gone"):keys("C-c"):shows { "> gone^C", ">" }
    f:keys("C-c"):shows { "> gone^C", "> ^C", "(Ctrl-D or .quit leaves)", ">" }
    f:type("x"):keys("Enter")
    assert.equal("x", f:expect "SUBMIT")
  end)

  it("ends at Ctrl-D on an empty line, and deletes in one that is not", function()
    f:type("abc"):keys("Home", "C-d", "End", "C-d", "Enter")
    assert.equal("bc", f:take())
    f:keys "C-d"
    assert.equal("\0", f:expect "END")
  end)

  it("refuses an answer at Ctrl-C: whoever asks is interrupted", function()
    f:keys "Enter"
    f:expect "SUBMIT"
    f:ready("Name: ", 1):with "Name:"
    f:type("xy"):keys("C-c")
    f:expect "INTERRUPT"
    f:send("BUSY"):ready "next> "
    f:shows { ">", "Name:", "next>" }
  end)

  -- What comes of a line, and of keys behind it.
  local function edited(keys)
    f:type "one two_2 three"
    for key in keys:gmatch "%S+" do f:keys(key) end
    f:keys "Enter"
    return f:take()
  end

  it("moves and deletes as other editors of lines do", function()
    for keys, wanted in pairs {
      ["Home X"] = "Xone two_2 three", ["C-a C-f X"] = "oXne two_2 three",
      ["M-b X"] = "one two_2 Xthree", ["C-Left C-Left X"] = "one Xtwo_2 three",
      ["C-a M-f X"] = "oneX two_2 three", ["Home C-Right X"] = "oneX two_2 three",
      ["BSpace X"] = "one two_2 threX", ["Left Left DC X"] = "one two_2 thrXe",
      ["C-w X"] = "one two_2 X", ["M-BSpace M-BSpace X"] = "one X",
      ["Home M-d X"] = "X two_2 three", ["C-u X"] = "X", ["M-b C-k X"] = "one two_2 X",
      ["M-b C-k C-y C-y"] = "one two_2 threethree", ["C-t X"] = "one two_2 threeX",
      ["Home M-u X"] = "ONEX two_2 three", ["C-a M-c X"] = "OneX two_2 three",
    } do
      assert.equal(wanted, edited(keys), keys)
    end
  end)

  it("takes back what was done, a step at a time", function()
    for keys, wanted in pairs {
      ["C-_ X"] = "one two_2 X", ["C-_ C-_ X"] = "one X", ["C-_ C-_ C-_ C-_ X"] = "X",
      ["C-w C-u C-_ C-_ X"] = "one two_2 threeX", ["C-w C-_ C-y"] = "one two_2 threethree",
      ["Home DC DC C-_ C-_ X"] = "Xone two_2 three", ["C-k C-_ X"] = "one two_2 X",
      ["Left Left C-t C-_ X"] = "one two_2 thrXee", ["C-a M-u C-_ X"] = "Xone two_2 three",
      ["C-a C-t C-_ X"] = "one two_2 X", -- there was nothing to transpose: the step before
      ["BSpace Z C-_ C-_ X"] = "one two_2 threeX", ["Left Y Z C-_ X"] = "one two_2 threXe",
      ["Up C-_ X"] = "one two_2 threeX",
    } do
      f:type "before"
      f:keys "Enter"
      f:take()
      assert.equal(wanted, edited(keys), keys)
    end
  end)

  it("takes back a paste or a completion as a whole, and nothing of the line before", function()
    f:type("a "):paste("b c\nd"):keys("C-_"):type("e f"):keys("C-w", "Enter")
    assert.equal("a e ", f:take())
    f:keys("C-_", "Enter")
    assert.equal("", f:take())
    f:type("gone"):keys("C-w", "C-c", "C-_", "Enter")
    assert.equal("", f:take())
    f:type("x = ab"):keys "Tab"
    local ticket = ("<I4"):unpack(f:expect "COMPLETE")
    f:send("CHOICES", ("<I4I4"):pack(ticket, 2) .. "absolute()\0")
    f:with "> x = absolute()"
    f:keys("C-_"):ends "> x = ab"
  end)

  it("takes back the newest of very many steps", function()
    local text = ("0123456789"):rep(600)
    f:paste(text)
    f.tmux:run "send-keys -t spec -N 5000 C-h"
    f.tmux:run "send-keys -t spec -N 5000 C-_"
    f:keys "Enter"
    local back = f:take()
    assert.is_true(#back > 2000 and #back < 6000, #back)
    assert.equal(text:sub(1, #back), back)
  end)

  it("knows the keys of terminals that send others", function()
    for bytes, wanted in pairs {
      ["\27OHX"] = "Xabc d", ["\27[1~X"] = "Xabc d", ["\27[7~X"] = "Xabc d",
      ["\27[H\27OFX"] = "abc dX", ["\27[H\27[4~X"] = "abc dX", ["\27[1;5DX"] = "abc Xd",
      ["\27[1;3DX"] = "abc Xd", ["\27[H\27[3~"] = "bc d", ["\27[15~\27[[A\27[200;9zX"] = "abc dX",
      ["\27]11;rgb:0000/0000/0000\27\\X"] = "abc dX", ["\27[99;5uab"] = "ab",
      ["\xff\xc3X"] = "abc dX",
    } do
      f:type "abc d"
      f:raw(bytes .. "\r")
      assert.equal(wanted, f:take(), ("%q"):format(bytes))
    end
  end)

  it("takes a lone ESC as such, and the key after it, too", function()
    f:type("a"):raw("\27")
    front.kavach.sleep(100)
    f:type("b"):keys("Enter")
    assert.equal("ab", f:take())
  end)

  it("goes on with what is not whole, a line longer", function()
    f:type("for i = 1, 2 do"):keys("Enter")
    assert.equal("for i = 1, 2 do", f:expect "SUBMIT")
    f:send("MORE"):cursor(0, 1):type("print(i)"):keys("Enter")
    assert.equal("for i = 1, 2 do\nprint(i)", f:expect "SUBMIT")
    f:send("MORE"):cursor(0, 2):type("end"):keys("Up", "Up", "Home")
    f:type("x"):keys("Down", "Down", "Enter")
    assert.equal("xfor i = 1, 2 do\nprint(i)\nend", f:expect "SUBMIT")
    f:send("BUSY"):ready():shows { "> xfor i = 1, 2 do", "print(i)", "end", ">" }
    f:type("a"):keys("M-Enter"):type("b"):keys("Enter")
    assert.equal("a\nb", f:take())
  end)

  it("inserts what is quoted", function()
    f:keys("C-v", "Tab", "C-v", "C-a", "Enter")
    assert.equal("\t\1", f:take())
  end)

  it("leaves what is typed ahead to whoever reads the terminal", function()
    f:type("x"):keys("Enter")
    f:expect "SUBMIT"
    f:send "BUSY"
    local tty = f.tmux:run("display-message -p -t spec '#{pane_tty}'"):gsub("\n", "")
    assert.is_true(host.eventually(function()
      local pipe <close> = assert(io.popen("stty -a -F " .. tty))
      return pipe:read("a"):find(" icanon", 1, true) ~= nil
    end))
    f:type("ahead"):with "ahead"
    f:ready():shows { "> x", "> ahead" }:keys("Enter")
    assert.equal("ahead", f:take())
  end)

  it("leaves what was submitted once, even if the end comes at once", function()
    f:type("x"):keys "Enter"
    f:expect "SUBMIT"
    f:send("BUSY", "", "OUTPUT", "out\n", "READY", "\0\2\0\0\0> ", "BYE", "\0")
    f:shows { "> x", "out", ">", "left 0" }
  end)

  it("clears the screen", function()
    f:type("abc"):keys("Enter")
    f:take()
    f:type("xy"):keys("C-l"):shows { "> xy" }:cursor(4, 0)
  end)

  it("passes keys on while the terminal is raw", function()
    f:type("x"):keys("Enter")
    f:expect "SUBMIT"
    f:send("BUSY"):send("RAW", "\1"):send("OUTPUT", "raw\r\n"):with "raw"
    f:raw "\3a\r\27[A~."
    local got = ""
    while #got < 8 do got = got .. f:expect "KEYS" end
    assert.equal("\3a\r\27[A~.", got)
    f:send("RAW", "\0"):ready():shows { "> x", "raw", ">" }
    f:type("y"):keys("Enter")
    assert.equal("y", f:take())
  end)
end)
