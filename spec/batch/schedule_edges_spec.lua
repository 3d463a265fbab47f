-- What comes at the wrong moment: the schedule ends all the same, and says what is so.

local core = require "kavach.core"
local schedules = require "support.schedules"
local source = require "kavach.batch.source"
local task = require "kavach.task"

local job, new, reasons, run = schedules.job, schedules.new, schedules.reasons, schedules.run

-- An attempt's last wait is over, and its task has not gone on yet, when this is called.
local function at_its_last_moment(fn)
  task.wait(function(done)
    core.timer(0, function()
      done()
      fn()
    end)
  end)
end

local function stream_of(jobs, again)
  return function(journal)
    local at = 0
    return source.stream(function()
      at = at + 1
      return jobs[at] and job(jobs[at])
    end, journal, again)
  end
end

local function earlier(journal, states)
  for i, each in ipairs(states) do
    journal.states[each[1]] = { seq = i, attempts = 1, failures = each[3] or 0, state = each[2],
      epoch = 1 }
    journal.seqs[i] = { id = each[1] }
    journal.last = i
  end
  return journal
end

describe("a job that is cancelled as its attempt ends", function()
  it("leaves its slot to the next", function()
    local made
    made = new({ "a", "b" }, { run = function(each)
      if each.id == "a" then at_its_last_moment(function() made:cancel("a", "not wanted") end) end
      return 0
    end })
    made.result = made:run()
    assert.same({ "a", "b" }, made.order)
    assert.equal(2, made.result.counts.done)
  end)

  it("is not tried again", function()
    local made
    made = new({ { id = "a", retries = 5 } }, { run = function()
      at_its_last_moment(function() made:cancel("a", "not wanted") end)
      return 1
    end })
    made.result = made:run()
    assert.same({ "a" }, made.order)
    assert.equal(1, made.result.counts.cancelled)
    assert.equal("not wanted", reasons(made, "ended").a)
  end)

  it("is not tried again, though its own rule is asked at that time", function()
    local made
    made = new({ { id = "a", retries = 5, retry_if = function()
      made:cancel("a", "not wanted")
      task.sleep(60000)
      return true
    end }, "b" }, { run = function(each) return each.id == "a" and 1 or 0 end })
    made.result = made:run()
    assert.same({ "a", "b" }, made.order)
    assert.equal(1, made.result.counts.cancelled)
  end)
end)

describe("a job that is claimed and not started", function()
  it("is cancelled at once, though the batch is paused", function()
    local made
    made = new({ "a", "b" }, { run = function()
      made:pause()
      assert(made:cancel("b", "not wanted"))
      core.timer(20, function() made:stop("drain", "enough", "signal 2") end)
      return 0
    end })
    made.result = made:run()
    assert.same({ b = "not wanted" }, reasons(made, "cancelled"))
    assert.equal("cancelled", made.log.states.b.state)
  end)
end)

describe("a batch that is stopped", function()
  it("before it has begun is over", function()
    local made = new { "a" }
    made:stop("drain", "enough", "signal 2")
    local result = made:run()
    assert.equal("signal 2", result.ending)
    assert.same({}, made.order)
  end)

  it("from outside leaves nothing behind that goes on", function()
    local runner
    local made = new({ "a", { id = "b", retries = 1, retry_delay_ms = 5, retry_max_ms = 5 },
      { id = "c", needs = { "b" } }, "d" }, { jobs = 2, run = function(each)
        if each.id == "b" then return 1 end
        task.sleep(60000)
      end, on_event = function(event)
        if event.event == "ended" then core.timer(0, function() runner:cancel "enough" end) end
      end })
    task.scope(function()
      runner = task.spawn(made.run, made)
      local nothing, why = runner:await()
      assert.is_nil(nothing)
      assert.equal("enough", tostring(why))
    end)
    local events = #made.events
    function made.log.claim() error "nothing is claimed any more" end
    task.sleep(15)
    assert.same({ "a", "b", "d" }, made.order)
    assert.equal(events, #made.events)
  end)
end)

describe("an observer that raises", function()
  for _, name in ipairs { "started", "ended", "total" } do
    it("ends the batch with its error: " .. name, function()
      local made = new({ "a", "b" }, {
        source = stream_of { { id = "a" }, { id = "b" } }, jobs = 2,
        run = function() task.sleep(1) end,
        on_event = function(event) if event.event == name then error("no more", 0) end end,
      })
      local fine, message = pcall(made.run, made)
      assert.is_false(fine)
      assert.truthy(tostring(message):find("no more", 1, true))
      task.sleep(5)
    end)
  end
end)

describe("jobs that have failed before, and run again", function()
  for _, form in ipairs { "list", "stream" } do
    it("skip, when they fail once more, also what comes only then: " .. form, function()
      local jobs = { { id = "a" } }
      for i = 1, 1500 do jobs[#jobs + 1] = { id = "j" .. i } end
      jobs[#jobs + 1] = { id = "late", needs = { "a" } }
      local journal = earlier(schedules.journal(), { { "a", "failed", 3 } })
      local made = run(form == "list" and jobs or {}, {
        journal = journal, again = true, jobs = 4,
        source = form == "stream" and stream_of(jobs, true) or nil,
        run = function(each) return each.id == "a" and 1 or 0 end,
      })
      assert.equal("a", made.order[1])
      assert.same({ late = "it needs 'a', which has not succeeded" }, reasons(made, "skipped"))
    end)
  end

  it("have all their retries", function()
    local journal = earlier(schedules.journal(), { { "a", "failed", 3 } })
    local made = run({ { id = "a", retries = 2 } },
      { journal = journal, again = true, run = function() return 1 end })
    assert.equal(3, #made.order)
  end)
end)

describe("a generator in a later run", function()
  it("that gives an id twice ends the batch, too", function()
    local journal = earlier(schedules.journal(), { { "a", "waiting" } })
    local made = run({}, { journal = journal, source = stream_of { { id = "a" }, { id = "a" } } })
    assert.equal("the id 'a' is there twice", tostring(made.result.failure))
    assert.is_true(#made.order <= 1)
  end)

  it("has no job that needs one which an earlier run knew and this one does not", function()
    local journal = earlier(schedules.journal(), { { "old", "waiting" } })
    local made = run({}, { journal = journal,
      source = stream_of { { id = "a", needs = { "old" } } } })
    assert.equal("job 'a' needs 'old', which has not come before it",
      tostring(made.result.failure))
  end)
end)

describe("a list", function()
  it("has its last job run first, if that has the highest priority", function()
    local jobs, made = {}, nil
    for i = 1, 3000 do jobs[i] = { id = "j" .. i } end
    jobs[3001] = { id = "urgent", priority = 1 }
    made = new(jobs, { run = function(each)
      -- The first lasts until all are known.
      while each.id == "j1" and not made.source_ended do task.yield() end
    end })
    made:run()
    local at
    for i, id in ipairs(made.order) do if id == "urgent" then at = i end end
    assert.is_true(at < 50, at) -- some were claimed before
  end)
end)

describe("slots", function()
  it("that are taken away and given back are all used", function()
    local made
    local jobs, now, most = {}, 0, 0
    for i = 1, 40 do jobs[i] = "j" .. i end
    made = new(jobs, { jobs = 4, run = function(each)
      local number = tonumber(each.id:match "%d+")
      if number == 8 then made:set_jobs(1) end
      if number == 12 then made:set_jobs(3) end
      if number == 16 then
        made:set_jobs(1)
        made:set_jobs(4)
        most = 0
      end
      now = now + 1
      most = math.max(most, now)
      task.sleep(1)
      now = now - 1
    end })
    assert.equal(40, made:run().counts.done)
    assert.equal(4, most)
  end)
end)

describe("fewer slots", function()
  it("are no more than that, while a higher one is busy yet", function()
    local made, most = nil, 0
    made = new({ "1", "2", "3", "4", "5", "6" }, { jobs = 4, run = function(each, place)
      if each.id == "4" then
        assert.equal(4, place.slot)
        made:set_jobs(1)
        task.sleep(5) -- the others end meanwhile
      end
      while each.id < "4" and made.jobs == 4 do task.yield() end
      if made.jobs == 1 and each.id > "4" then most = math.max(most, made.running_count) end
    end })
    assert.equal(6, made:run().counts.done)
    assert.equal(1, most)
  end)
end)

describe("a snapshot", function()
  it("counts no less than nothing while a later run reads its generator", function()
    local made, waiting
    made = new({}, { finished = { done = 1000 }, source = stream_of { { id = "a" } },
      run = function() waiting = made:snapshot().counts.waiting end })
    made:run()
    assert.equal(0, waiting)
  end)
end)
