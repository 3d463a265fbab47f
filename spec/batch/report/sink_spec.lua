local core = require "kavach.core"
local err = require "kavach.err"
local host = require "support.host"
local lfs = require "lfs"
local sink = require "kavach.batch.report.sink"

describe("a file that is written in one go", function()
  local folder, remove, path
  before_each(function()
    folder, remove = host.folder()
    path = folder .. "/report"
  end)
  after_each(function() remove() end)

  local function produce(text)
    return function(out)
      out:write(text)
      return true
    end
  end

  it("is there when it is whole, and nothing beside it", function()
    host.write(path, "old")
    local out = assert(sink.open(path))
    out:write("new")
    assert.equal("old", host.slurp(path))
    assert.is_true(out:commit())
    assert.equal("new", host.slurp(path))
    assert.same({ "report" }, host.names(folder))
  end)

  it("stays as it was if what is to come fails", function()
    host.write(path, "old")
    local ok, why = sink.whole(path, function(out)
      out:write("half")
      return err.fail("io", "no more")
    end)
    assert.same({ nil, "no more" }, { ok, tostring(why) })
    assert.equal("old", host.slurp(path))
    assert.same({ "report" }, host.names(folder))
  end)

  it("is not written through a link that somebody has put where it is made", function()
    local hidden = ("%s/.report.%d"):format(folder, core.getpid())
    host.write(folder .. "/victim", "not to be touched")
    assert(lfs.link("victim", hidden, true))
    local ok, why = sink.whole(path, produce "text")
    assert.is_nil(ok)
    assert.matches(path, tostring(why), 1, true)
    assert.equal("not to be touched", host.slurp(folder .. "/victim"))
    assert.is_nil((lfs.attributes(path)))
    -- What a process with that number has left is no obstacle.
    os.remove(hidden)
    assert(lfs.mkdir(hidden))
    assert.is_true(sink.whole(path, produce "text"))
    assert.equal("text", host.slurp(path))
  end)
end)
