local core = require "kavach.core"
local host = require "support.host"
local lfs = require "lfs"
local place = require "kavach.batch.place"
local process = require "kavach.process"
local program = require "support.program"
local xdg = require "kavach.xdg"

describe("a batch's place", function()
  local folder, remove, getenv, environment
  before_each(function()
    folder, remove = host.folder()
    getenv = os.getenv
    environment = { XDG_STATE_HOME = folder .. "/state" }
    os.getenv = function(name) return environment[name] end -- luacheck: ignore 122
  end)
  after_each(function()
    os.getenv = getenv -- luacheck: ignore 122
    remove()
  end)

  it("is in the user's state, by its name", function()
    local base = folder .. "/state/kavach/batch"
    assert.same({ name = "a.b-c_1", folder = base, db = base .. "/a.b-c_1.db",
      lock = base .. "/a.b-c_1.lock", out = base .. "/a.b-c_1.out",
      gone = base .. "/a.b-c_1.gone" }, place.of "a.b-c_1")
    assert.is_nil(lfs.attributes(folder .. "/state"))
    environment = { XDG_STATE_HOME = "relative", HOME = "/home/me", XDG_CACHE_HOME = "/cache" }
    assert.equal("/home/me/.local/state/kavach/batch/x.db", place.of "x".db)
    assert.equal("/cache/kavach/x", xdg.cache("x", "things"))
    environment = {}
    local none, why = place.of "x"
    assert.is_nil(none)
    assert.equal("neither XDG_STATE_HOME nor HOME says where batches may be kept", why.message)
    none, why = place.list()
    assert.same({ nil, "io" }, { none, why.kind })
  end)

  it("has a name that is no path, no option and no command", function()
    for _, name in ipairs { "a", "0", "a.b", "A-b_c", ("x"):rep(100), "runs" } do
      assert.is_true(place.check_name(name), name)
    end
    for _, name in ipairs { "", ".a", "-a", "_a", "a/b", "a..b", "a b", "a\n", "a\0", "\u{e9}",
      ("x"):rep(101), "run", "resume", "status", "logs", "report", "list", "remove", "pause",
      "continue", "cancel", "jobs" } do
      local ok, message = place.check_name(name)
      assert.is_nil(ok, name)
      assert.is_string(message)
      local where, why = place.of(name)
      assert.same({ nil, "invalid_argument" }, { where, why.kind })
    end
    assert.matches("not a table", select(2, place.check_name {}))
    assert.matches([[\x1b]], select(2, place.check_name "a\27[0m"), 1, true)
  end)

  it("that is not there is an error with the nearest name", function()
    local where = place.of "web"
    assert(core.private_directory(where.folder))
    host.write(where.db, "")
    assert.same(where, place.existing "web")
    local none, why = place.existing "wbe"
    assert.same({ nil, "invalid_argument", "there is no batch 'wbe' (did you mean 'web'?); "
      .. "see kavach batch list" }, { none, why.kind, why.message })
    assert.equal("there is no batch 'x'; see kavach batch list",
      tostring(select(2, place.existing "x")))
  end)

  it("is listed if it has a journal", function()
    assert.same({}, place.list())
    local where = place.of "b"
    assert(core.private_directory(where.folder))
    for _, name in ipairs { "b.db", "b.db-wal", "b.lock", "a.db", "c.lock", "..db", "x y.db" } do
      host.write(where.folder .. "/" .. name, "")
    end
    assert.same({ "a", "b" }, place.list())
  end)

  it("is one's at a time, who is named to others", function()
    local where = assert(place.of "b")
    assert.is_nil(place.holder(where))
    local lock = assert(place.lock(where))
    assert.equal("rwx------", lfs.attributes(where.folder, "permissions"))
    assert.equal("rw-------", lfs.attributes(where.lock, "permissions"))
    local none, why = place.lock(where)
    assert.same({ nil, "invalid_transition", true, core.getpid() },
      { none, why.kind, why.held, why.pid })
    assert.is_true(math.abs(why.since_ns - core.wall_clock()) < 60e9)
    assert.equal(("the batch 'b' is being worked on by process %d, since %s"):format(core.getpid(),
      os.date("%Y-%m-%d %H:%M:%S", why.since_ns // 1000000000)), why.message)
    assert.equal(core.getpid(), place.holder(where).pid)
    lock:close()
    lock:close()
    assert.is_nil(place.holder(where))
    local again <close> = assert(place.lock(where))
    assert.is_truthy(again)
  end)

  it("is free when who worked on it was killed, and names nobody who is not", function()
    local where = assert(place.of "b")
    local other <close> = assert(process.start({ program.absolute, "-e", [[
      local place = require "kavach.batch.place"
      LOCK = assert(place.lock(place.of "b"))
      print "held" io.stdout:flush()
      require("kavach").sleep(60000)]] }, { env = { XDG_STATE_HOME = folder .. "/state" } }))
    assert.equal("held\n", other:read())
    local _, why = place.lock(where)
    assert.equal(other:pid(), why.pid)
    other:kill(9)
    other:wait()
    local text = host.slurp(where.lock)
    local file = assert(core.file_locked(where.lock))
    _, why = place.lock(where) -- what stands there is of one who is gone
    assert.equal("the batch 'b' is being worked on by another process", why.message)
    file:close()
    local lock <close> = assert(place.lock(where))
    assert.is_truthy(lock)
    assert.equal(#text, #host.slurp(where.lock))
  end)

  it("is removed with all that is there, and what a link leads to stays", function()
    local where = assert(place.of "b")
    local lock <close> = assert(place.lock(where))
    assert.is_truthy(lock)
    assert(core.private_directory(where.out .. "/1/files/deep"))
    host.write(where.out .. "/1/files/deep/a", "x")
    local precious = host.write(folder .. "/precious", "x")
    assert(lfs.link(precious, where.out .. "/1/link", true))
    for _, ending in ipairs { "", "-wal", "-shm" } do host.write(where.db .. ending, "") end
    host.write(where.folder .. "/bb.db", "")
    assert.is_true(place.remove(where))
    assert.same({ "bb" }, place.list())
    assert.is_nil(lfs.attributes(where.out))
    assert.is_nil(lfs.attributes(where.lock))
    assert.equal("x", host.slurp(precious))
    assert.is_true(place.remove(where))
  end)

  it("is there as a whole, or not at all, if its removal was cut off", function()
    local where = assert(place.of "b")
    assert(core.private_directory(where.out))
    for _, path in ipairs { where.db, where.db .. "-wal", where.out .. "/output" } do
      host.write(path, "x")
    end
    local remove_tree = core.remove_tree
    core.remove_tree = function(path) return nil, path .. ": cut off" end
    local _, why = place.remove(where)
    core.remove_tree = remove_tree
    assert.matches("cut off", why.message)
    assert.same({}, place.list())
    _, why = place.existing "b"
    assert.matches("removed, but not all of it: `kavach batch remove b` ends that", why.message)
    assert.same(where, place.removable "b")
    assert.is_true(place.remove(where))
    assert.same({}, host.names(where.folder))
    assert.is_nil(place.removable "b")
  end)
end)
