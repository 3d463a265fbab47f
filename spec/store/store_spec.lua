local core = require "kavach.core"
local host = require "support.host"
local kavach = require "kavach"
local lfs = require "lfs"
local store = require "kavach.store"

-- Holds the file for about 20 ms.
local SLOW <const> = [[
  INSERT INTO t (b) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
  WHERE i < 100000) SELECT 'slow' || max(i) FROM n]]

describe("a store", function()
  local folder, remove, path, db, insert
  before_each(function()
    folder, remove = host.folder()
    path = folder .. "/a.db"
    db = assert(store.open(path, { create = true }))
    db:submit(store.unit():add(db:statement "CREATE TABLE t (a INTEGER PRIMARY KEY, b UNIQUE)"))
    db:drain()
    assert.same({ 1, true }, { db:take() })
    insert = db:statement "INSERT INTO t (b) VALUES (?)"
  end)
  after_each(function()
    db:close()
    remove()
  end)

  -- Does units, and gives for each its rows, or its kind of failure.
  local function done(...)
    for _, unit in ipairs { ... } do db:submit(unit) end
    db:drain()
    local results = {}
    for number, ok, result, kind in db.take, db do
      results[#results + 1] = ok and (result or true) or kind
      assert.is_number(number)
    end
    return results
  end

  local function values()
    local reader <close> = assert(store.reader(path))
    local list = {}
    for i, row in ipairs(assert(reader:rows "SELECT b FROM t ORDER BY a")) do
      list[i] = row.b == nil and "nothing" or row.b
    end
    return list
  end

  local function unit(...)
    local all = store.unit()
    for _, value in ipairs { ... } do all:add(insert, value) end
    return all
  end

  -- ---- values -----------------------------------------------------------------------------------

  it("keeps every value as it was, bytes of any kind included", function()
    local list = {
      0, -1, math.maxinteger, math.mininteger, 1.5, -0.1, 1e300, "", "text", "gr\u{fc}n \u{1f600}",
      "a\0b", "\xff\xfe", "\xc0\x80", "\xed\xa0\x80", "cut \xe2\x82", ("x"):rep(1 << 20), "12",
      "1.0",
    }
    assert.same({ true }, done(unit(table.unpack(list))))
    assert.same(list, values())
    assert.same({ true, true, true }, done(
      store.unit():add(db:statement "DELETE FROM t"),
      store.unit():add(insert, true):add(insert, false), store.unit():add(insert, nil)))
    assert.same({ 1, 0, "nothing" }, values())
  end)

  it("has text where text is written, and blobs where it is none", function()
    done(unit("gr\u{fc}n", "a\0b", "\xf4\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xc1\xbf",
      "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf5\x80\x80\x80", "\x80", "\xe2\x28\xa1"))
    local reader <close> = assert(store.reader(path))
    local kinds = {}
    for i, row in ipairs(reader:rows "SELECT typeof(b) AS kind FROM t ORDER BY a") do
      kinds[i] = row.kind
    end
    local blob <const> = "blob"
    assert.same({ "text", blob, blob, "text", blob, blob, blob, blob, blob, blob }, kinds)
  end)

  it("gives the rows of a unit's statements, in their order", function()
    local both = db:statement "INSERT INTO t (b) VALUES (?) RETURNING a, b, NULL, 2.5"
    local all = db:statement "SELECT b FROM t WHERE b <> ? ORDER BY a"
    local unheard = store.unit():add(both, "x"):add(insert, "y"):add(both, "z"):add(all, "x")
    assert.same({ { { 1, "x", nil, 2.5 }, { 3, "z", nil, 2.5 }, { "y" }, { "z" } } },
      done(unheard))
  end)

  -- ---- units ------------------------------------------------------------------------------------

  it("does all of a unit or nothing, and leaves the others alone", function()
    assert.same({ true, "sql", true, "sql" },
      done(unit "a", unit("b", "a"), unit "c", unit("d", "e", "c")))
    assert.same({ "a", "c" }, values())
  end)

  it("fences a unit that changes not one row where it has to", function()
    local update = db:statement("UPDATE t SET b = ? WHERE b = ?", "one")
    assert.same({ true, "fenced", true, "fenced" }, done(unit("a", "b"),
      unit("c"):add(update, "d", "nobody"), store.unit():add(update, "e", "a"),
      store.unit():add(update, "f", "a")))
    assert.same({ "e", "b" }, values())
    local several = db:statement("UPDATE t SET b = b || '!'", "one")
    assert.same({ "fenced" }, done(store.unit():add(several)))
    local some = db:statement("SELECT 1 FROM t WHERE b = ?", "one")
    assert.same({ { { 1 } }, "fenced" },
      done(store.unit():add(some, "e"), store.unit():add(some, "x")))
  end)

  it("writes nothing after its guard does not hold any more", function()
    local guard = db:statement("SELECT 1 FROM t WHERE b = 'key'", "one")
    assert.same({ true, true, true }, done(unit "key", store.unit(), unit "a"))
    db:guard(store.unit():add(guard))
    assert.same({ true, true, true }, done(unit "b", unit "c"))
    local delete = db:statement "DELETE FROM t WHERE b = 'key'"
    assert.same({ true }, done(store.unit():add(delete)))
    assert.same({ "fenced", "fenced" }, done(unit "d", unit "key"))
    assert.same({ "a", "b", "c" }, values())
    db:guard(store.unit())
    assert.same({ true, true }, done(unit "e"))
  end)

  it("has a guard hold from its place in the queue on", function()
    local guard = db:statement("SELECT 1 FROM t WHERE b = 'key'", "one")
    db:submit(unit "before")
    db:guard(store.unit():add(guard))
    assert.same({ true, true, "fenced" }, done(unit "after"))
  end)

  it("says what is wrong with SQL, to the unit that it is in", function()
    local wrong, empty = db:statement "SELEC", db:statement "  -- nothing"
    assert.same({ "sql", "sql", "sql", "sql", true }, done(store.unit():add(wrong),
      store.unit():add(empty), store.unit():add(insert), store.unit():add(insert, 1, 2), unit "a"))
    db:submit(store.unit():add(wrong))
    db:drain()
    local _, ok, message = db:take()
    assert.is_false(ok)
    assert.matches('near "SELEC": syntax error', message)
    assert.matches(path, message, 1, true)
  end)

  it("writes what is queued together in one transaction", function()
    local before, commits = db:counts()
    db:submit(store.unit():add(db:statement(SLOW)))
    for i = 1, 1000 do db:submit(unit(i)) end
    db:drain()
    local units, now = db:counts()
    assert.equal(1001, units - before)
    assert.is_true(now - commits < 100, "so many commits: " .. now - commits)
    assert.same({ 0, 1001 }, { select(3, db:counts()) })
  end)

  it("tells by a descriptor that something is done", function()
    local stream <close> = assert(core.stream(assert(db:notifier()), true))
    stream:try_read()
    assert.is_false(stream:try_read())
    db:submit(unit "a")
    kavach.run(function()
      require("kavach.task").wait(function(told) stream:wait_read(told) end)
    end)
    assert.same({ 2, true }, { db:take() })
    assert.is_nil(db:take())
  end)

  -- ---- its life ---------------------------------------------------------------------------------

  it("finishes what is queued when it is closed, and can be closed again", function()
    for i = 1, 200 do db:submit(unit(i)) end
    db:close()
    db:close()
    local count = 0
    for _, ok in db.take, db do count = count + (ok and 1 or 0) end
    assert.equal(200, count)
    assert.is_nil(lfs.attributes(path .. "-wal"))
    assert.equal(200, #values())
  end)

  it("is ended by the collector, in the middle of its work, too", function()
    for i = 1, 5 do
      local other = assert(store.open(path))
      local statement = other:statement "INSERT INTO t (b) VALUES (?)"
      for k = 1, 100 do other:submit(store.unit():add(statement, ("%d-%d"):format(i, k))) end
    end
    collectgarbage()
    collectgarbage()
    assert.same({ true }, done(unit "a"))
  end)

  it("is ended with its Lua state", function()
    local code, out, errors = host.script(([[
      local store = require "kavach.store"
      DB = store.open(%q)
      local insert = DB:statement "INSERT INTO t (b) VALUES (?)"
      for i = 1, 1000 do DB:submit(store.unit():add(insert, i)) end
      READER = store.reader(%q)
      print(READER:row "SELECT 'read'")
    ]]):format(path, path))
    assert.same({ 0, "true\tread\n", "" }, { code, out, errors })
  end)

  it("makes files that only their owner reads", function()
    db:submit(unit "a")
    db:drain()
    for _, name in ipairs { path, path .. "-wal", path .. "-shm" } do
      assert.equal("rw-------", lfs.attributes(name, "permissions"))
    end
  end)

  it("takes misuse for what it is", function()
    assert.error_matches(function() db:statement(nil) end, "string expected")
    assert.error_matches(function() db:statement("x", "two") end, "invalid option 'two'")
    assert.error_matches(function() store.unit():add(insert, {}) end, "value of SQL expected")
    assert.error_matches(function() store.unit():add(-1) end, "there is no such statement")
    assert.error_matches(function() db:submit(store.unit():add(200)) end, "the store has not")
    assert.error_matches(function() db:submit(insert) end, "kavach.store.unit expected")
    local once = unit "a"
    db:submit(once)
    assert.error_matches(function() db:submit(once) end, "the unit was submitted")
    assert.error_matches(function() once:add(insert, 1) end, "the unit was submitted")
    assert.error_matches(function() store.open "a\0b" end, "no NUL")
    assert.error_matches(function() for _ = 1, 300 do db:statement "SELECT 1" end end, "too many")
    db:close()
    local methods = { "statement", "submit", "guard", "notifier", "trouble", "retry", "drain" }
    for _, name in ipairs(methods) do
      assert.error_matches(function() db[name](db, "x") end, "the store is closed")
    end
    assert.same({ 0, 1 }, { select(3, db:counts()) })
  end)

  -- ---- what it is not opened on -----------------------------------------------------------------

  it("is refused where there is nothing, or something else", function()
    local function refused(name, options)
      local opened, message, kind = store.open(folder .. "/" .. name, options)
      assert.is_nil(opened)
      assert.matches(folder, message, 1, true)
      return kind, message
    end
    assert.equal("io", (refused "none.db"))
    assert.matches("No such file", select(2, refused "none.db"))
    assert.equal("io", (refused("none/none.db", { create = true })))
    host.write(folder .. "/text", ("This is no database at all. "):rep(100))
    assert.equal("corrupt", (refused "text"))
    assert.is_nil(lfs.attributes(folder .. "/none.db"))
  end)

  it("is refused by name where no memory can be shared", function()
    local opened, message, kind = store.open(folder .. "/b.db",
      { create = true, vfs = "unix-dotfile" })
    assert.same({ nil, "io" }, { opened, kind })
    assert.matches("b.db: SQLite keeps no write%-ahead log there: the file system cannot share",
      message)
  end)

  it("waits for another that writes", function()
    db:submit(unit "a")
    db:drain()
    local other = assert(store.open(path))
    other:submit(store.unit():add(other:statement(SLOW)))
    db:submit(unit "b")
    db:drain()
    other:close()
    local kinds = {}
    for _, ok, _, kind in db.take, db do kinds[#kinds + 1] = ok or kind end
    assert.same({ true, true }, kinds)
    assert.equal(3, #values())
  end)
end)

describe("a reader", function()
  local folder, remove, path, db, insert
  before_each(function()
    folder, remove = host.folder()
    path = folder .. "/a b%?#c.db"
    db = assert(store.open(path, { create = true }))
    insert = db:statement "INSERT INTO t VALUES (?, ?)"
    db:submit(store.unit():add(db:statement "CREATE TABLE t (a, b)"))
    db:submit(store.unit():add(insert, 1, "x"):add(insert, 2, nil))
    db:drain()
  end)
  after_each(function()
    db:close()
    remove()
  end)

  it("sees what is durable, and only reads", function()
    local reader <close> = assert(store.reader(path))
    assert.same({ true, 1, "x" }, { reader:row "SELECT a, b FROM t" })
    assert.same({ true, 2, nil }, { reader:row("SELECT a, b FROM t WHERE a = ?", 2) })
    assert.same({ false }, { reader:row("SELECT a, b FROM t WHERE a = ?", 3) })
    assert.same({ { a = 1, b = "x" }, { a = 2 } }, reader:rows "SELECT * FROM t")
    db:submit(store.unit():add(insert, 3, "y"))
    db:drain()
    assert.same({ true, 3 }, { reader:row "SELECT count(*) FROM t" })
    local ok, message, kind = reader:row "DELETE FROM t"
    assert.same({ nil, "readonly" }, { ok, kind })
    assert.matches("readonly", message)
  end)

  it("sees one moment between BEGIN and COMMIT", function()
    local reader <close> = assert(store.reader(path))
    assert.is_false(reader:row "BEGIN")
    assert.same({ true, 2 }, { reader:row "SELECT count(*) FROM t" })
    db:submit(store.unit():add(insert, 3, "y"))
    db:drain()
    assert.same({ true, 2 }, { reader:row "SELECT count(*) FROM t" })
    assert.is_false(reader:row "COMMIT")
    assert.same({ true, 3 }, { reader:row "SELECT count(*) FROM t" })
  end)

  it("says what is wrong", function()
    local reader = assert(store.reader(path))
    local ok, message, kind = reader:rows "SELECT a FROM nowhere"
    assert.same({ nil, "sql" }, { ok, kind })
    assert.matches("no such table: nowhere", message)
    assert.error_matches(function() reader:row("SELECT ?") end, "0 parameters for 1 in: SELECT")
    assert.error_matches(function() reader:row("SELECT ?", {}) end, "value of SQL expected")
    assert.error_matches(function() reader:row "" end, "a statement without SQL")
    reader:close()
    reader:close()
    assert.error_matches(function() reader:row "SELECT 1" end, "the reader is closed")
    assert.same({ nil, "io" }, { (store.reader(folder .. "/none")),
      (select(3, store.reader(folder .. "/none"))) })
  end)

  it("reads what rests where nothing can be written", function()
    db:close()
    local lines = ([[
      mount --bind -o ro '%s' '%s' && mount -o remount,ro,bind '%s' || exit 99
      KAVACH_SPEC='%s' %s -e 'print(require("kavach.store").reader(os.getenv "KAVACH_SPEC"):row
        "SELECT a, b FROM t")'
    ]]):format(folder, folder, folder, path, require("support.program").absolute)
    local exit, out, errors = require("support.program").mounting(lines)
    if not exit then return pending(out) end
    assert.same({ 0, "true\t1\tx\n", "" }, { exit, out, errors })
  end)
end)
