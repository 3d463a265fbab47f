-- Ctrl-C on a real terminal (tmux's), once and twice.

local batch = require "support.batch_program"
local host = require "support.host"
local program = require "support.program"

describe("a batch on a terminal", function()
  local server = 0 -- each spec has one of its own: that of the one before may still be ending

  local function tmux(words)
    local code, out, errors = program.shell(("tmux -S %s/tmux%d -f /dev/null %s"):format(
      batch.folder, server, words))
    assert.same({ 0, "" }, { code, errors }, words)
    return out
  end

  --- The pane, once it has this text.
  local function screen_with(text)
    local shown
    assert.is_true(host.eventually(function()
      shown = tmux "capture-pane -p -S - -t batch"
      return shown:find(text, 1, true) ~= nil
    end), text .. " in:\n" .. tostring(shown))
    return (shown:gsub("[ \n]+$", ""))
  end

  --- A shell that has run a batch of three jobs, one at a time, and then tells how the terminal is.
  local function open(name)
    server = server + 1
    local lines = {}
    for key, value in pairs(batch.environment()) do
      lines[#lines + 1] = ("export %s='%s'"):format(key, value)
    end
    lines[#lines + 1] = "unset NO_COLOR; export TERM=screen; cd $T"
    lines[#lines + 1] = ("echo begun; stty -a >before; $K batch --no-sandbox --name %s --jobs 1 "
      .. "--command '$T/until %s{}; echo out-{}' 1 2 3; echo code $?; stty -a >after; "
      .. "cmp before after && echo sane; sleep 100"):format(name, name)
    batch.write("run", table.concat(lines, "\n") .. "\n")
    tmux(("-u new-session -d -s batch -x 80 -y 20 'bash %s/run'"):format(batch.folder))
    batch.has_begun(name .. "1")
  end

  setup(batch.setup)
  teardown(batch.teardown)
  after_each(function()
    program.shell(("tmux -S %s/tmux%d kill-server"):format(batch.folder, server))
  end)

  it("drains at Ctrl-C, and leaves it as it was", function()
    open "once"
    screen_with "0/3"
    tmux "send-keys -t batch C-c"
    screen_with "draining: interrupted"
    batch.let_go "once1"
    local shown = screen_with "sane"
    assert.matches("^begun\n! draining: interrupted: what runs may come to its end; once more ends "
      .. "it\nout%-1\n! once: 1 done, 2 left in [%d.]+ s %(signal 2%)\n"
      .. "  kavach batch resume once\ncode 130\nsane$", shown)
  end)

  it("ends what runs at a second one", function()
    open "twice"
    tmux "send-keys -t batch C-c"
    screen_with "draining: interrupted"
    tmux "send-keys -t batch C-c"
    local shown = screen_with "sane"
    assert.matches("^begun\n! draining: [^\n]*\n! cancelling: interrupted again: [^\n]*\n"
      .. "! twice: 0 done, 3 left in [%d.]+ s %(signal 2%)\n  kavach batch resume twice\n"
      .. "code 130\nsane$", shown)
  end)
end)
