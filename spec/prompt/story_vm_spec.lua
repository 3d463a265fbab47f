local host = require "support.host"
local proc = require "kavach.proc"
local program = require "support.program"
local story = require "support.story"

describe("at the prompt, with real guests, #vm", function()
  local s
  after_each(function()
    s:close()
    s = nil
  end)

  it("one starts a sandbox, works in it, and ends it", function()
    s = story.open { columns = 100 }
    s:tell [[
kavach … .help explains, Tab completes, Ctrl-D leaves.
kavach> box = assert(kavach.sandbox { name = "web", memory_limit_mb = 96 })
kavach> box
sandbox …-1 web: running
  tcg, not confidential, 2 CPUs, 96 MiB, started …, booted in … ms
kavach> box:exec "echo out; echo err >&2; exit 3"
exit code 3  backend "tcg", …
stdout, 1 line, 4 bytes:
  out
stderr, 1 line, 4 bytes:
  err
kavach> .exec web hostname; false       ⟵ '.exec w' Tab ' hostname; false' Enter
web
web: exit code 1
kavach> .ps
NAME  ID… STATE    BACKEND  CPUS  MEMORY  USED  AGE  COMMANDS
web … running  tcg      2     96M …
kavach>                                 ⟵ C-d
a sandbox would end: leave? [y/N]       ⟵ Enter
kavach> .kill web
…-1 is gone
kavach> .ps
no sandbox runs
kavach> .quit
left with 0
]]
  end)

  it("one attaches to a guest, edits a file there, and leaves by ~.", function()
    s = story.open { columns = 100 }
    s:tell [[
kavach … .help explains, Tab completes, Ctrl-D leaves.
kavach> box = assert(kavach.sandbox { name = "web", memory_limit_mb = 96 })
kavach> .attach web
]]
    local terminal = s.tmux
    terminal:with "/ #"
    terminal:type "stty size\r"
    terminal:with "50 100"
    terminal:type "vi /tmp/notes\r"
    terminal:with "~\n~\n~"
    terminal:type "ihello from the guest"
    terminal:with "hello from the guest"
    terminal:with "I /tmp/notes"
    terminal:keys "Escape"
    terminal:with "- /tmp/notes" -- no more "I", of inserting
    terminal:type ":wq\r"
    terminal:ends "/ #" -- it has ended, and takes no more keys
    terminal:run "resize-window -t spec -x 91 -y 33"
    terminal:type "clear; cat /tmp/notes; stty size\r"
    terminal:with "hello from the guest\n33 91"
    terminal:type "clear; sleep 1000\r"
    terminal:shows { "" } -- or what is typed is the shell's
    terminal:keys "C-c" -- the guest's, not the prompt's
    terminal:type "echo $((6 * 7))\r"
    terminal:with "\n42\n"
    terminal:type "~."
    terminal:with "left; what ran there was ended\n"
    terminal:type "box:exec('cat /tmp/notes').stdout\r"
    terminal:with '"hello from the guest\\n"'
    terminal:type ".quit\r"
    terminal:with "leave? [y/N]"
    terminal:type "y\r"
    terminal:with "left with 0"
  end)

  it("one looks after what kavach start has left running", function()
    s = story.open { columns = 100 }
    local environment = ("XDG_RUNTIME_DIR=%s XDG_STATE_HOME=%s "):format(s.folder, s.folder)
    local code, out = program.shell(environment .. program.absolute
      .. " start --memory 96 --name build 'echo compiles; echo a > /tmp/a; sleep 1000'")
    assert.same({ 0, "build\n" }, { code, out })
    assert.is_true(host.eventually(function() -- it is started, but may not have said anything
      return select(2, program.shell(environment .. program.absolute .. " logs build")) ~= ""
    end))
    s:tell [[
kavach … .help explains, Tab completes, Ctrl-D leaves.
kavach> .logs build                     ⟵ '.log' Tab 'b' Tab Enter
compiles
kavach> .exec build cat /tmp/a
a
kavach> .logs build -f
compiles
⟵ <spins> C-c
interrupted
kavach> .kill build
…-1 is gone
kavach> .logs build
no sandbox 'build'; .ps lists them
kavach>                                 ⟵ C-d
left with 0
]]
  end)

  it("one hears of a sandbox that dies, and sees them all live", function()
    s = story.open { columns = 100 }
    s:tell [[
kavach … .help explains, Tab completes, Ctrl-D leaves.
kavach> box = assert(kavach.sandbox { name = "web", memory_limit_mb = 96 })
kavach> .top
]]
    s.tmux:with "Ctrl-C ends this"
    s.tmux:with "web   running  tcg      0%"
    s.tmux:keys "C-c"
    s.tmux:with "interrupted\nkavach>"
    s.tmux:type "half of a line"
    s.tmux:with "kavach> half of a line"
    local pid = s:qemu()
    os.execute("kill -9 " .. pid)
    s.tmux:with("sandbox web died: QEMU (/usr/bin/qemu-system-x86_64) was killed by signal 9\n"
      .. "kavach> half of a line")
  end)

  it("a terminal that is closed has its sandboxes ended", function()
    s = story.open { columns = 100 }
    s:tell [[
kavach … .help explains, Tab completes, Ctrl-D leaves.
kavach> box = assert(kavach.sandbox { name = "web", memory_limit_mb = 96 })
kavach> box:exec { "sleep", "1000" }
]]
    s.tmux:with " s\n"
    local pid = s:qemu()
    s.tmux:close()
    assert.is_true(host.eventually(function() return proc.start_time(pid) == nil end))
  end)
end)
