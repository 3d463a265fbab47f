local host = require "support.host"
local journal = require "kavach.batch.journal"
local journals = require "support.journals"
local schema = require "kavach.batch.journal.schema"
local store = require "kavach.store"

local all, await = journals.all, journals.await

describe("a journal of another version", function()
  local place, steps
  before_each(function()
    place, steps = journals.place(), #schema.steps
    local j <close> = journals.begun(place.path, { "a", "b" })
    assert(await(j, "claim", { { seq = 1, number = 1 } }))
  end)
  after_each(function()
    for i = #schema.steps, steps + 1, -1 do table.remove(schema.steps, i) end
    place.remove()
  end)

  local function later()
    table.insert(schema.steps, { "ALTER TABLE job ADD COLUMN colour DEFAULT 'red'" })
    table.insert(schema.steps, { "UPDATE job SET colour = 'blue' WHERE seq = 2" })
  end

  local function colours()
    local db <close> = assert(store.reader(place.path))
    local list = {}
    for i, row in ipairs(db:rows "SELECT colour FROM job ORDER BY seq" or {}) do
      list[i] = row.colour
    end
    return list
  end

  it("is brought up to date if it is older, and keeps what it has", function()
    later()
    local none, why = journal.reader(place.path)
    assert.same({ nil, 1 }, { none, why.older })
    assert.matches("its version is 1, of an older kavach", why.message)
    local j <close> = assert(journal.open(place.path))
    assert.equal(steps + 2, j.about.version)
    assert.same({ "red", "blue" }, colours())
    assert.equal(1, #j:interrupted())
    assert.equal(2, j:begin_run(journals.RUN))
    local r <close> = assert(journal.reader(place.path))
    assert.equal(2, #all(r:jobs()))
  end)

  it("is as it was if that fails in its middle", function()
    later()
    table.insert(schema.steps, { "INSERT INTO nowhere VALUES (1)" })
    local none, why = journal.open(place.path)
    assert.same({ nil, "io" }, { none, why.kind })
    assert.matches("no such table: nowhere", why.message)
    assert.same({}, colours())
    table.remove(schema.steps)
    local j <close> = assert(journal.open(place.path))
    assert.same({ "red", "blue" }, colours())
    assert.equal(steps + 2, j.about.version)
  end)

  it("is refused if it is newer, and stays as it is", function()
    later()
    assert(journal.open(place.path)):close()
    for i = #schema.steps, steps + 1, -1 do table.remove(schema.steps, i) end
    local bytes = host.slurp(place.path)
    for _, open in ipairs { journal.open, journal.reader } do
      local none, why = open(place.path)
      assert.same({ nil, "io", steps + 2 }, { none, why.kind, why.newer })
      assert.equal(("%s: its version is %d, of a newer kavach; this one knows up to %d"):format(
        place.path, steps + 2, steps), why.message)
    end
    assert.equal(bytes, host.slurp(place.path))
  end)

  it("is made in this one, in whatever steps", function()
    later()
    local path = place.folder .. "/new.db"
    local j <close> = assert(journal.create(path, journals.ABOUT))
    assert.equal(steps + 2, j.about.version)
  end)

  it("is refused if it is no journal at all", function()
    local path = place.folder .. "/other.db"
    local db = assert(store.open(path, { create = true }))
    db:submit(store.unit():add(db:statement "CREATE TABLE mine (a)"))
    db:close()
    for _, open in ipairs { journal.open, journal.reader } do
      local none, why = open(path)
      assert.same({ nil, "io", true }, { none, why.kind, why.foreign })
    end
    local none, why = journal.create(path, journals.ABOUT)
    assert.same({ nil, true }, { none, why.exists })
    host.write(path, ("no database "):rep(1000))
    none, why = journal.open(path)
    assert.same({ nil, true }, { none, why.corrupt })
    none, why = journal.create(path, journals.ABOUT)
    assert.same({ nil, true }, { none, why.corrupt })
    assert.equal(12000, #host.slurp(path))
  end)
end)
