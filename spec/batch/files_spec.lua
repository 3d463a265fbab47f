local err = require "kavach.err"
local files = require "kavach.batch.files"
local host = require "support.host"
local lfs = require "lfs"

describe("the files of an attempt", function()
  local out, remove
  before_each(function() out, remove = host.folder() end)
  after_each(function() remove() end)

  local function mode(name) return (lfs.symlinkattributes(out .. "/" .. name, "mode")) end

  -- An attempt that has left an output in a file, and two files that it fetched.
  local function left(more)
    local folder = files.folder(out, 7, 2)
    for _, path in ipairs { folder.path, folder.path .. "/files.part",
      folder.path .. "/files.part/a" } do assert(lfs.mkdir(path)) end
    host.write(folder.path .. "/stdout", "said")
    host.write(folder.path .. "/files.part/a/one", "1")
    host.write(folder.path .. "/files.part/two", "2")
    local record = {
      exit_code = 0, stdout = { path = folder.path .. "/stdout" }, stderr = { text = "" },
      files_path = folder.path .. "/files.part",
      files = { { path = "a/one", target = more and more.target }, { path = "two" } },
    }
    for key, value in next, more or {} do record[key] = value end
    return folder, record
  end

  it("are where the journal will say, under no hidden name", function()
    local folder, record = left()
    record = folder:keep(record)
    assert.is_nil(record.error)
    assert.equal(out .. "/7-2/stdout", record.stdout.path)
    assert.equal(out .. "/7-2/files", record.files_path)
    assert.equal("said", host.slurp(record.stdout.path))
    assert.equal("1", host.slurp(record.files_path .. "/a/one"))
    assert.is_nil(mode ".7-2")
  end)

  it("are nothing where there is nothing", function()
    local folder = files.folder(out, 1, 1)
    local record = { stdout = { text = "x" }, stderr = { text = "" } }
    assert.equal(record, folder:keep(record))
    assert.is_nil(mode "1-1")
  end)

  it("come to where a job wants them, in place of what is there", function()
    local target = out .. "/wanted"
    host.write(out .. "/other", "not to be touched")
    assert(lfs.link("other", target, true))
    local folder, record = left { target = target }
    assert.is_nil(folder:keep(record).error)
    assert.equal("1", host.slurp(target))
    assert.equal("file", mode "wanted")
    assert.equal("not to be touched", host.slurp(out .. "/other"))
    -- A copy: who writes into it does not change what the batch keeps.
    host.write(target, "changed")
    assert.equal("1", host.slurp(record.files_path .. "/a/one"))
  end)

  it("that cannot come to where a job wants them make it fail, and leave nothing", function()
    local folder, record = left { target = out .. "/nowhere/wanted" }
    record = folder:keep(record)
    assert.matches("/nowhere/wanted: ", record.reason, 1, true)
    assert.is_true(err.is(record.error, "io"))
    assert.same({ nil, nil, nil }, { record.files, record.stdout.path, record.unkept })
    assert.is_nil(mode ".7-2")
    assert.is_nil(mode "7-2")
  end)

  it("that the disk has not taken are no success, and leave nothing", function()
    local trouble = err.new("io", "stdout: No space left on device")
    local folder, record = left { stderr = { text = "", trouble = trouble } }
    record = folder:keep(record)
    assert.equal(trouble, record.unkept)
    assert.is_nil(mode ".7-2")
    -- Nor are those whose folder cannot get its name.
    folder, record = left()
    assert(lfs.mkdir(out .. "/7-2"))
    host.write(out .. "/7-2/in the way", "")
    record = folder:keep(record)
    assert.is_true(err.is(record.unkept, "io"))
    assert.is_nil(mode "7-2")
  end)

  it("of attempts that were cut off go", function()
    local folder, record = left()
    folder:keep(record)
    assert(lfs.mkdir(out .. "/.8-1"))
    host.write(out .. "/.8-1/.stdout.part", "half of i")
    files.sweep(out, { { seq = 7, number = 2 }, { seq = 8, number = 1 }, { seq = 9, number = 1 } })
    assert.same({ nil, nil }, { mode "7-2", mode ".8-1" })
    assert.equal("directory", mode ".")
  end)
end)
