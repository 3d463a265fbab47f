local core = require "kavach.core"
local host = require "support.host"
local journal = require "kavach.batch.journal"
local kavach = require "kavach"
local task = require "kavach.task"

describe("a batch's run that is cut off", function()
  local folder, remove, restore
  before_each(function()
    folder, remove = host.folder()
    restore = host.pretend { XDG_STATE_HOME = folder, XDG_RUNTIME_DIR = folder }
  end)
  after_each(function()
    restore()
    remove()
  end)

  it("says in its journal how it ended, and leaves no claim there", function()
    local marker, runner = host.marker(), nil
    local batch = kavach.batch { name = "cut", sandbox = false, jobs = 1 }
    for i = 1, 5 do batch:job { id = tostring(i), command = { "sleep", marker } } end
    local why = select(2, task.scope(function()
      runner = task.spawn(batch.run, batch, { observe = function(event)
        if event.event == "started" then core.timer(0, function() runner:cancel "enough" end) end
      end })
      return runner:await()
    end))
    assert.equal("enough", tostring(why))
    assert.is_true(host.gone(marker))
    local reader <close> = assert(journal.reader(folder .. "/kavach/batch/cut.db"))
    assert.equal("error", reader:runs()[1].ending)
    assert.equal(5, reader:counts().waiting)
  end)
end)
