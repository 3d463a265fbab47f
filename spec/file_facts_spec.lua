local core = require "kavach.core"
local host = require "support.host"
local lfs = require "lfs"

describe("the facts of a file", function()
  local folder, remove = host.folder()
  local path = host.write(folder .. "/file", "12345")
  teardown(function() remove() end)

  it("are what the system says of it", function()
    os.execute("chmod 640 " .. path)
    os.execute("touch -d '2020-01-02 03:04:05.123456789 UTC' " .. path)
    local pipe <close> = io.popen("stat -c '%d %i %u %b %B' " .. path)
    local dev, ino, uid, blocks, unit = pipe:read("n", "n", "n", "n", "n")
    local facts = assert(core.file_facts(path))
    assert.near(os.time(), facts.ctime_ns // 1000000000, 60)
    facts.ctime_ns = nil
    assert.same({
      dev = dev, ino = ino, uid = uid, size = 5, allocated = blocks * unit,
      mode = tonumber("640", 8), mtime_ns = 1577934245123456789, kind = "a regular file",
    }, facts)
  end)

  it("are the same of its path and of the open file, also when the path is gone", function()
    local gone = host.write(folder .. "/gone", "1")
    local file <close> = assert(io.open(gone))
    local facts = core.file_facts(gone)
    assert.same(facts, core.file_facts(file))
    os.remove(gone)
    local left = core.file_facts(file)
    assert.equal(facts.ino, left.ino)
    assert.equal("a regular file", left.kind)
  end)

  it("tell a changed file by its time of change, whatever its other times were set to", function()
    local before = core.file_facts(path)
    os.execute(("sleep 0.02; printf 54321 > %s; touch -d @%d %s"):format(path,
      before.mtime_ns // 1000000000, path))
    assert.is_true(core.file_facts(path).ctime_ns > before.ctime_ns)
  end)

  it("are of where a link leads, or of the link", function()
    local link = folder .. "/link"
    assert(lfs.link(path, link, true))
    assert.same(core.file_facts(path), core.file_facts(link))
    assert.same(core.file_facts(path), core.file_facts(link, "follow"))
    local itself = core.file_facts(link, "nofollow")
    assert.equal("a link", itself.kind)
    assert.equal(#path, itself.size)
    assert.equal("a regular file", core.file_facts(path, "nofollow").kind)
  end)

  it("tell kinds", function()
    os.execute("mkfifo " .. folder .. "/fifo")
    assert.equal("a FIFO", core.file_facts(folder .. "/fifo").kind)
    assert.equal("a folder", core.file_facts(folder).kind)
    assert.equal("a device", core.file_facts("/dev/null").kind)
  end)

  it("are none where there is no file, and why is said", function()
    local facts, message, kind = core.file_facts(folder .. "/none")
    assert.is_nil(facts)
    assert.equal(folder .. "/none: No such file or directory", message)
    assert.equal("io", kind)
    assert.is_nil((core.file_facts(path .. "/below")))
  end)

  it("are not asked of what is no file", function()
    local file = assert(io.open(path))
    file:close()
    assert.error_matches(function() core.file_facts(file) end, "the file is closed")
    assert.error_matches(function() core.file_facts {} end, "string expected")
    assert.error_matches(function() core.file_facts(core.program_open "/bin/sh") end, "FILE%*")
    assert.error_matches(function() core.file_facts(path, "maybe") end, "invalid option 'maybe'")
  end)
end)
