-- The schedule by itself: see support.schedules for what stands in for all else.

local core = require "kavach.core"
local err = require "kavach.err"
local schedules = require "support.schedules"
local source = require "kavach.batch.source"
local task = require "kavach.task"

local job, named, new, new_journal, reasons, run = schedules.job, schedules.named, schedules.new,
  schedules.journal, schedules.reasons, schedules.run

describe("a schedule", function()
  it("runs each job once, in order, and tells when its end is durable", function()
    local made = run { "a", "b", "c" }
    assert.same({ "a", "b", "c" }, made.order)
    assert.same({ done = 3, failed = 0, skipped = 0, cancelled = 0 }, made.result.counts)
    assert.equal("done", made.result.ending)
    assert.equal(3, #named(made, "started"))
    assert.equal(3, #named(made, "ended"))
    assert.equal("done", made.log.states.c.state)
  end)

  it("tells commands as one reads them", function()
    local made = run { { id = "a", command = { "echo", "a b" } },
      { id = "b", command = "echo 'b'" } }
    for _, name in ipairs { "started", "ended" } do
      local told = {}
      for i, event in ipairs(named(made, name)) do told[i] = event.command end
      assert.same({ "echo 'a b'", "echo 'b'" }, told)
    end
  end)

  it("starts nothing before its claim is durable", function()
    local claimed = false
    local journal = new_journal()
    local claim = journal.claim
    function journal:claim(list, done)
      claim(self, list, function(...)
        claimed = true
        done(...)
      end)
    end
    local before
    run({ "a" }, { journal = journal, run = function() before = claimed end })
    assert.is_true(before)
  end)

  it("runs as many at a time as it has slots, each on a slot of its own", function()
    local now, most, slots = 0, 0, {}
    run({ "a", "b", "c", "d", "e", "f" }, { jobs = 3, run = function(_, place)
      now = now + 1
      most = math.max(most, now)
      assert.is_nil(slots[place.slot])
      slots[place.slot] = true
      task.sleep(2)
      slots[place.slot] = nil
      now = now - 1
    end })
    assert.equal(3, most)
  end)

  it("frees a slot before the end of its job is durable", function()
    local journal, open = new_journal(), {}
    local finish = journal.finish
    -- Keeps the first end back until the second job has started.
    function journal:finish(seq, number, record, done)
      if seq == 1 then
        open[1] = function() finish(self, seq, number, record, done) end
      else
        finish(self, seq, number, record, done)
      end
    end
    local made = run({ "a", "b" }, { journal = journal, run = function(each)
      if each.id == "b" then open[1]() end
    end })
    assert.equal(2, made.result.counts.done)
  end)

  it("takes the highest priority first, and tags in turn", function()
    local jobs = {}
    for i, each in ipairs { "x", "x", "x", "y", "y", "z" } do
      jobs[i] = { id = each .. i, tag = each }
    end
    jobs[7] = { id = "first", priority = 5 }
    jobs[8] = { id = "last", priority = -1 }
    assert.same({ "first", "x1", "y4", "z6", "x2", "y5", "x3", "last" }, run(jobs).order)
  end)
end)

describe("needs", function()
  it("are met before a job runs", function()
    local made = run({ { id = "c", needs = { "a", "b" } }, { id = "b", needs = { "a" } }, "a" },
      { jobs = 3 })
    assert.same({ "a", "b", "c" }, made.order)
  end)

  it("that fail skip all that stand on them, and say why", function()
    local made = run({ "a", { id = "b", needs = { "a" } }, { id = "c", needs = { "b" } }, "d" },
      { run = function(each) return each.id == "a" and 3 or 0 end })
    assert.same({ "a", "d" }, made.order)
    assert.same({ b = "it needs 'a', which has not succeeded",
      c = "it needs 'b', which has not succeeded" }, reasons(made, "skipped"))
    assert.same({ done = 1, failed = 1, skipped = 2, cancelled = 0 }, made.result.counts)
    assert.equal("failed", made.result.ending)
  end)

  it("that an earlier run has met are met", function()
    local journal = new_journal()
    journal.states.a = { seq = 1, attempts = 1, failures = 0, state = "done", epoch = 1 }
    local made = run({ { id = "b", needs = { "a" } }, "a" }, { journal = journal })
    assert.same({ "b" }, made.order)
  end)

  it("of a generator's job are met by what came before it", function()
    local at, jobs = 0, { job { id = "a" }, job { id = "b", needs = { "a" } } }
    local made = run({}, { source = function(journal)
      return source.stream(function()
        at = at + 1
        return jobs[at]
      end, journal)
    end })
    assert.same({ "a", "b" }, made.order)
    assert.equal(2, named(made, "total")[1].total)
  end)

  it("of a generator's job that has not come end the batch", function()
    local given
    local made = run({}, { source = function(journal)
      return source.stream(function()
        given = given == nil and job { id = "a", needs = { "later" } } or false
        return given or nil
      end, journal)
    end })
    assert.equal("error", made.result.ending)
    assert.equal("job 'a' needs 'later', which has not come before it",
      tostring(made.result.failure))
  end)
end)

describe("a job that fails", function()
  it("is tried again, as often as it may be", function()
    local tries = {}
    local made = run({ { id = "a", retries = 2 } }, { run = function(_, place)
      tries[#tries + 1] = place.number
      return #tries < 3 and 1 or 0
    end })
    assert.same({ 1, 2, 3 }, tries)
    assert.equal("done", made.result.ending)
    local ended = named(made, "ended")
    assert.same({ "retry", "retry", "done" }, { ended[1].state, ended[2].state, ended[3].state })
    assert.equal("exit code 1", ended[1].reason)
    assert.is_true(ended[1].retry_ms >= 1)
  end)

  it("is not when its own rule says so, or cannot tell", function()
    local made = run({
      { id = "a", retries = 5, retry_if = function(record) return record.exit_code == 75 end },
      { id = "b", retries = 5, retry_if = function() error("what?", 0) end },
    }, { run = function() return 1 end })
    assert.same({ "a", "b" }, made.order)
    assert.same({ a = "exit code 1", b = "exit code 1; retry_if: what?" }, reasons(made, "ended"))
  end)

  it("says how", function()
    local results = {
      a = { exit_code = -1, timed_out = true }, b = { exit_code = 137, signal = 9 },
      c = { exit_code = 137, signal = 9, oom_killed = true },
      d = { exit_code = -1, error = err.new("io", "no guest") },
      e = { exit_code = 0, reason = "get" },
    }
    local made = run({ "a", "b", "c", "d", "e" },
      { run = function(each) return results[each.id] end })
    assert.same({ a = "the time was up (7 ms)", b = "ended by signal 9",
      c = "the guest ran out of memory and killed a process of it", d = "no guest",
      e = "get" }, reasons(made, "ended"))
    assert.equal(5, made.result.counts.failed)
  end)

  it("by a fault in running it does not end the others", function()
    local made = run({ "a", "b" }, { run = function(each)
      if each.id == "a" then error("a fault", 0) end
    end })
    assert.same({ a = "kavach: a fault" }, reasons(made, "ended"))
    assert.equal(1, made.result.counts.done)
  end)

  it("halts the batch, when it is to", function()
    local made = run({ "a", "b", "c", "d" }, {
      halt = { when = "soon", what = "fail", count = 2 },
      run = function(each) return each.id == "d" and 0 or 1 end,
    })
    assert.equal("halted", made.result.ending)
    assert.equal(2, made.result.counts.failed)
    assert.same({ "a", "b" }, made.order)
  end)

  it("ends what runs, if the batch is to halt now", function()
    local made = run({ "a", "b" }, {
      jobs = 2, halt = { when = "now", what = "fail", count = 1 },
      run = function(each)
        if each.id == "a" then return 1 end
        task.sleep(60000)
      end,
    })
    assert.equal("halted", made.result.ending)
    assert.equal("waiting", made.log.states.b.state)
  end)
end)

describe("a schedule that runs", function()
  local made

  it("drains: what runs comes to its end, and no more is started", function()
    made = new({ "a", "b", "c", "d" }, { jobs = 2, run = function(each)
      if each.id == "a" then made:stop("drain", "enough", "signal 2") end
      task.sleep(2)
    end })
    local result = made:run()
    assert.equal("signal 2", result.ending)
    assert.equal(#made.order, result.counts.done)
    assert.is_true(#made.order <= 2)
    assert.is_true(made.log.released > 0)
  end)

  it("is cancelled: what runs is ended, and is a later run's", function()
    made = new({ "a", "b" }, { run = function()
      core.timer(1, function() made:stop("cancel", "interrupted", "signal 2") end)
      task.sleep(60000)
    end })
    local result = made:run()
    assert.same({ "a" }, made.order)
    assert.same({ done = 0, failed = 0, skipped = 0, cancelled = 0 }, result.counts)
    assert.equal("waiting", made.log.states.a.state)
  end)

  it("pauses and goes on", function()
    local was
    made = new({ "a", "b" }, { run = function(each)
      if each.id ~= "a" then return end
      made:pause()
      core.timer(5, function()
        was = #made.order
        assert.is_true(made:snapshot().paused)
        made:continue()
      end)
    end })
    made:run()
    assert.equal(1, was)
    assert.same({ "a", "b" }, made.order)
  end)

  it("takes more slots, and fewer", function()
    local now, most = 0, 0
    local jobs = {}
    for i = 1, 12 do jobs[i] = "j" .. i end
    made = new(jobs, { run = function(each)
      if each.id == "j2" then made:set_jobs(4) end
      if each.id == "j8" then
        made:set_jobs(1)
        most = 0
      end
      now = now + 1
      most = math.max(most, now)
      task.sleep(1)
      if each.id == "j6" then assert.equal(4, most) end
      now = now - 1
    end })
    assert.equal(12, made:run().counts.done)
    assert.equal(1, now + 1)
  end)

  it("cancels one job, wherever that is", function()
    made = new({
      "runs", "waits", { id = "needs", needs = { "runs" } }, { id = "fails", priority = 1,
        retries = 9, retry_delay_ms = 60000, retry_max_ms = 60000 },
    }, { run = function(each)
      if each.id == "fails" then return 1 end
      if each.id ~= "runs" then return 0 end
      assert(made:cancel("waits", "not wanted"))
      assert(made:cancel("fails", "not wanted"))
      core.timer(1, function() assert(made:cancel("runs", "not wanted")) end)
      local nothing, why = made:cancel("other", "")
      assert.is_nil(nothing)
      assert.equal("there is no job 'other' that waits or runs", tostring(why))
      task.sleep(60000)
    end })
    local result = made:run()
    assert.same({ done = 0, failed = 0, skipped = 1, cancelled = 3 }, result.counts)
    assert.same({ "fails", "runs" }, made.order)
  end)

  it("keeps to its budget", function()
    local jobs = {}
    for i = 1, 4 do jobs[i] = { id = "j" .. i, sandbox = { memory_limit_mb = 400 } } end
    local now, most = 0, 0
    run(jobs, { jobs = 4, limits = { memory_mb = 1000 }, run = function()
      now = now + 1
      most = math.max(most, now)
      task.sleep(1)
      now = now - 1
    end })
    assert.equal(2, most)
  end)

  it("refuses a job that no budget will ever allow", function()
    made = run({ { id = "a", sandbox = { memory_limit_mb = 2000 } } },
      { limits = { memory_mb = 1000 } })
    assert.equal("job 'a': it needs 2000 MiB of memory, and there are 1000 MiB for all jobs "
      .. "together", tostring(made.result.failure))
  end)

  it("keeps to its rate", function()
    local begun = core.now()
    run({ "a", "b", "c" }, { jobs = 3, limits = { rate = { count = 100, per_ms = 1000 } } })
    assert.is_true(core.now() - begun >= 20)
  end)
end)

describe("a journal that cannot be written", function()
  local function full() return err.new("io", "the disk is full", { full = true }) end

  it("stops the batch without a false success, and gets what ended when it can", function()
    local journal = new_journal()
    function journal.fails(what)
      if what == "finish" and not journal.retried then return full() end
    end
    local made = run({ "a", "b", "c" }, { journal = journal })
    assert.equal("journal", made.result.ending)
    assert.equal(0, made.result.lost)
    assert.equal(1, #named(made, "trouble"))
    assert.equal(#made.order, made.result.counts.done)
    assert.equal("done", journal.states.a.state)
  end)

  it("says how many results it has not got", function()
    local journal = new_journal()
    function journal.fails(what) return what == "finish" and full() or nil end
    local made = run({ "a" }, { journal = journal })
    assert.equal("journal", made.result.ending)
    assert.equal(1, made.result.lost)
    assert.equal(0, made.result.counts.done)
    assert.same({}, named(made, "ended"))
  end)

  it("is not told of what cannot be kept beside it, and the job is a later run's", function()
    local made = run({ { id = "a", retries = 3 }, "b" }, { run = function()
      return { exit_code = 0, unkept = err.new("io", "stdout: no space") }
    end })
    assert.equal("journal", made.result.ending)
    assert.equal("what job 'a' has brought cannot be kept: stdout: no space",
      tostring(made.result.failure))
    assert.same({ "a" }, made.order)
    assert.same({ a = "what job 'a' has brought cannot be kept: stdout: no space" },
      reasons(made, "ended"))
    assert.equal("waiting", made.log.states.a.state)
    assert.same({ 0, 0 }, { made.result.lost, made.result.counts.failed })
  end)

  it("keeps jobs from starting", function()
    for _, what in ipairs { "add", "claim" } do
      local journal = new_journal()
      function journal.fails(which) return which == what and full() or nil end
      local made = run({ "a" }, { journal = journal })
      assert.equal("journal", made.result.ending, what)
      assert.equal("the disk is full", tostring(made.result.failure))
      if what == "claim" then assert.same({}, made.order) end
    end
  end)
end)

describe("a generator", function()
  it("is read as jobs are run, not ahead of them", function()
    local given, ahead = 0, 0
    local ran = 0
    local made = new({}, { jobs = 2, source = function(journal)
      return source.stream(function()
        given = given + 1
        ahead = math.max(ahead, given - ran)
        return given <= 5000 and job { id = "j" .. given } or nil
      end, journal)
    end, run = function() ran = ran + 1 end })
    assert.equal(5000, made:run().counts.done)
    assert.is_true(ahead < 2000, ahead)
    assert.same({}, made.live)
  end)

  it("that fails half way ends the batch, after what runs", function()
    local given = 0
    local made = run({}, { source = function(journal)
      return source.stream(function()
        given = given + 1
        if given == 3 then return nil, err.new("io", "line 3: what?") end
        return job { id = "j" .. given }
      end, journal)
    end })
    assert.equal("error", made.result.ending)
    assert.equal("line 3: what?", tostring(made.result.failure))
  end)

  it("that gives an id twice ends the batch", function()
    local made = run({}, { source = function(journal)
      return source.stream(function() return job { id = "same" } end, journal)
    end })
    assert.equal("the id 'same' is there twice", tostring(made.result.failure))
  end)
end)
