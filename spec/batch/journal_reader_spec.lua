local journal = require "kavach.batch.journal"
local journals = require "support.journals"

local all, await = journals.all, journals.await

-- More than a page of them.
local MANY <const> = 1300

describe("a journal's reader", function()
  local place, j, r
  before_each(function()
    place = journals.place()
    j = journals.begun(place.path)
    local list = {}
    for i = 1, MANY do
      list[i] = { id = "job" .. i, tag = "t" .. i % 2, spec = ('{"number":%d}'):format(i) }
    end
    assert(await(j, "add", list))
    local claims = {}
    for i = 1, 600 do claims[i] = { seq = i, number = 1 } end
    assert(await(j, "claim", claims))
    for i = 1, 500 do j:finish(i, 1, { state = i % 100 == 0 and "retry" or "done" }) end
    for i = 501, 600 do j:started(i, 1, {}) end
    j:settle({ 1299 }, "skipped")
    j:settle({ 1300 }, "cancelled")
    assert(j:flush())
    r = assert(journal.reader(place.path))
  end)
  after_each(function()
    r:close()
    j:close()
    place.remove()
  end)

  it("counts jobs by their states", function()
    assert.same({ total = 1300, waiting = 698, running = 100, retry = 5, done = 495, failed = 0,
      skipped = 1, cancelled = 1 }, r:counts())
    assert(await(j, "claim", { { seq = 100, number = 2 } }))
    local counts = r:counts()
    assert.same({ 5, 100 }, { counts.retry, counts.running }) -- ahead: it has not started
    j:started(100, 2, {})
    assert(j:flush())
    counts = r:counts()
    assert.same({ 4, 101 }, { counts.retry, counts.running })
  end)

  it("lists jobs in the order in which they were added", function()
    local list = all(r:jobs())
    assert.equal(MANY, #list)
    for i, job in ipairs(list) do assert.same({ i, "job" .. i }, { job.seq, job.id }) end
    assert.same({ "t1", { number = 777 }, "waiting", 0 },
      { list[777].tag, list[777].spec, list[777].state, list[777].attempts })
    assert.same({ "running", 1 }, { list[600].state, list[600].attempts })
    assert.is_true(list[600].changed_ns >= list[700].changed_ns)
    assert.is_nil(all(r:jobs { id = "job7", spec = false })[1].spec)
  end)

  it("lists only some of them", function()
    for state, count in pairs(r:counts()) do
      if state ~= "total" then
        local list = all(r:jobs { state = state })
        assert.equal(count, #list, state)
        for _, job in ipairs(list) do assert.equal(state, job.state) end
      end
    end
    assert.equal(512, #all(r:jobs { limit = 512 }))
    assert.equal(600, #all(r:jobs { limit = 600 }))
    assert.equal(0, #all(r:jobs { limit = 0 }))
    assert.equal(0, #all(r:jobs { id = "nobody" }))
    assert.equal(0, #all(r:jobs { id = "job1", state = "waiting" }))
    assert.equal(1, #all(r:jobs { id = "job1", state = "done" }))
  end)

  it("lists attempts, of all jobs or of one", function()
    assert(await(j, "claim", { { seq = 100, number = 2 } }))
    assert(await(j, "finish", 100, 2, { state = "failed" }))
    local list = all(r:attempts())
    assert.equal(601, #list)
    for i = 2, #list do
      local one, two = list[i - 1], list[i]
      assert.is_true(one.seq < two.seq or one.seq == two.seq and one.number < two.number)
    end
    local seen = {}
    for attempt in r:attempts(100) do
      seen[#seen + 1] = { attempt.id, attempt.number, attempt.state }
    end
    assert.same({ { "job100", 1, "failed" }, { "job100", 2, "failed" } }, seen)
    assert.equal(0, #all(r:attempts(1000)))
  end)

  it("does not hinder who writes, in the middle of a list", function()
    local next_job = r:jobs()
    next_job()
    for i = 1, 50 do j:add { { id = "more" .. i } } end
    assert(j:flush())
    local count = 1
    for _ in next_job do count = count + 1 end
    assert.equal(MANY + 50, count)
  end)

  it("reads on while the journal is closed and opened again", function()
    j:close()
    assert.equal(MANY, #all(r:jobs { spec = false }))
    j = assert(journal.open(place.path))
    assert(j:begin_run(journals.RUN))
    assert(await(j, "add", { { id = "more" } }))
    assert.equal(1, #all(r:jobs { id = "more" }))
    assert.equal(2, #r:runs())
  end)
end)
