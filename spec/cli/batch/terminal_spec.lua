-- Ctrl-C on a real terminal (tmux's), once and twice.

local batch = require "support.batch_program"
local tmux = require "support.tmux"

describe("a batch on a terminal", function()
  local terminal

  --- A shell that has run a batch of three jobs, one at a time, and then tells how the terminal is.
  local function open(name)
    local lines = {}
    for key, value in pairs(batch.environment()) do
      lines[#lines + 1] = ("export %s='%s'"):format(key, value)
    end
    lines[#lines + 1] = "unset NO_COLOR; export TERM=screen; cd $T"
    lines[#lines + 1] = ("echo begun; stty -a >before; $K batch --no-sandbox --name %s --jobs 1 "
      .. "--command '$T/until %s{}; echo out-{}' 1 2 3; echo code $?; stty -a >after; "
      .. "cmp before after && echo sane; sleep 100"):format(name, name)
    batch.write("run", table.concat(lines, "\n") .. "\n")
    terminal = tmux.open(batch.folder, ("bash %s/run"):format(batch.folder))
    batch.has_begun(name .. "1")
  end

  setup(batch.setup)
  teardown(batch.teardown)
  after_each(function() terminal:close() end)

  it("drains at Ctrl-C, and leaves it as it was", function()
    open "once"
    terminal:with "0/3"
    terminal:run "send-keys -t spec C-c"
    terminal:with "draining: interrupted"
    batch.let_go "once1"
    local shown = terminal:with "sane"
    assert.matches("^begun\n! draining: interrupted: what runs may come to its end; once more ends "
      .. "it\nout%-1\n! once: 1 done, 2 left in [%d.]+ s %(signal 2%)\n"
      .. "  kavach batch resume once\ncode 130\nsane$", shown)
  end)

  it("ends what runs at a second one", function()
    open "twice"
    terminal:run "send-keys -t spec C-c"
    terminal:with "draining: interrupted"
    terminal:run "send-keys -t spec C-c"
    local shown = terminal:with "sane"
    assert.matches("^begun\n! draining: [^\n]*\n! cancelling: interrupted again: [^\n]*\n"
      .. "! twice: 0 done, 3 left in [%d.]+ s %(signal 2%)\n  kavach batch resume twice\n"
      .. "code 130\nsane$", shown)
  end)
end)
