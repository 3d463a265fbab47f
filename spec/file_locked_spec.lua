local core = require "kavach.core"
local host = require "support.host"
local lfs = require "lfs"
local process = require "kavach.process"
local program = require "support.program"

describe("a file that is locked", function()
  local folder, remove, path
  before_each(function()
    folder, remove = host.folder()
    path = folder .. "/lock"
  end)
  after_each(function() remove() end)

  it("is this user's alone, and can be read and written", function()
    local file <close> = assert(core.file_locked(path))
    assert.equal("file", io.type(file))
    assert.equal("rw-------", lfs.attributes(path, "permissions"))
    assert(file:write "text")
    assert(file:flush())
    assert.equal("text", host.slurp(path))
  end)

  it("is so for all others, in this process and elsewhere, until it is closed", function()
    local file = assert(core.file_locked(path))
    assert.is_false(core.file_locked(path))
    local code = ("print(require('kavach.core').file_locked(%q))"):format(path)
    assert.equal("false\n", select(2, host.script(code)))
    assert(io.open(path)):close() -- as a lock of the process it would be gone now
    assert.equal("false\n", select(2, host.script(code)))
    file:close()
    local again <close> = assert(core.file_locked(path))
    assert.is_truthy(again)
  end)

  it("is free when its process was killed", function()
    local held <close> = assert(process.start { program.absolute, "-e",
      ("F = require('kavach.core').file_locked(%q) print 'held' io.stdout:flush()"):format(path)
      .. "require('kavach').sleep(60000)" })
    assert.equal("held\n", held:read())
    assert.is_false(core.file_locked(path))
    held:kill(9)
    held:wait()
    local now <close> = assert(core.file_locked(path))
    assert.is_truthy(now)
  end)

  it("is not handed down to programs", function()
    local file = assert(core.file_locked(path))
    local child <close> = assert(process.start { "sleep", "60" })
    assert.is_truthy(child)
    file:close()
    local again <close> = assert(core.file_locked(path))
    assert.is_truthy(again)
  end)

  it("is another one once it was removed", function()
    local old <close> = assert(core.file_locked(path))
    os.remove(path)
    local new <close> = assert(core.file_locked(path))
    assert.is_false(core.file_locked(path))
    assert.not_equal(core.file_facts(old).ino, core.file_facts(new).ino)
  end)

  it("is an error where it cannot be", function()
    assert(lfs.mkdir(path))
    local file, why = core.file_locked(path)
    assert.is_nil(file)
    assert.equal(path .. ": Is a directory", why)
    assert(lfs.link(folder .. "/elsewhere", folder .. "/link", true))
    file, why = core.file_locked(folder .. "/link")
    assert.is_nil(file)
    assert.matches("symbolic links", why)
  end)
end)
