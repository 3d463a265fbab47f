-- The rules by which a batch goes: when to try again, when to halt, what fits.

local budget = require "kavach.batch.budget"
local halt = require "kavach.batch.halt"
local retry = require "kavach.batch.retry"

describe("a retry", function()
  local job = { retries = 3, retry_delay_ms = 1000, retry_max_ms = 5000 }

  it("waits twice as long each time, up to a limit, of that a half to all", function()
    local function least() return 0 end
    local function most() return 1 end
    local low, high = {}, {}
    for tries = 1, 5 do
      low[tries], high[tries] = retry.delay(job, tries, least), retry.delay(job, tries, most)
    end
    assert.same({ 500, 1000, 2000, 2500, 2500 }, low)
    assert.same({ 1000, 2000, 4000, 5000, 5000 }, high)
    assert.equal(2500, retry.delay(job, 65535, least))
  end)

  it("comes so often as the job allows", function()
    assert.is_true(retry.wanted(job, 3, {}))
    assert.is_false(retry.wanted(job, 4, {}))
  end)

  it("is as the job's own rule says, which sees the result and the tries", function()
    local seen
    local own = { retries = 9, retry_if = function(...)
      seen = { ... }
      return "yes"
    end }
    assert.is_true(retry.wanted(own, 2, { exit_code = 3 }))
    assert.same({ { exit_code = 3 }, 2 }, seen)
  end)
end)

describe("--halt", function()
  local function due(rule, done, failed, total)
    return halt.is_due(rule, { done = done, failed = failed }, total)
  end

  it("counts failures, successes, or both", function()
    local fail = { when = "soon", what = "fail", count = 2 }
    assert.is_false(due(fail, 100, 1))
    assert.is_true(due(fail, 0, 2))
    assert.is_true(due({ what = "success", count = 1 }, 1, 5))
    assert.is_true(due({ what = "done", count = 3 }, 2, 1))
    assert.is_false(due(nil, 9, 9, 9))
  end)

  it("takes a share of all jobs, where it is known how many there are", function()
    local tenth = { what = "fail", percent = 10 }
    assert.is_false(due(tenth, 0, 9, 100))
    assert.is_true(due(tenth, 0, 10, 100))
    assert.is_true(due(tenth, 0, 1, 2))
  end)

  it("takes a share of those that ended where it is not, if those are three", function()
    local half = { what = "fail", percent = 50 }
    assert.is_false(due(half, 0, 2))
    assert.is_true(due(half, 1, 2))
    assert.is_false(due(half, 3, 2))
  end)

  it("says what it was", function()
    assert.equal("--halt now,fail=3", halt.text { when = "now", what = "fail", count = 3 })
    assert.equal("--halt soon,fail=10%", halt.text { when = "soon", what = "fail", percent = 10 })
  end)
end)

describe("the budget", function()
  local now, load = 0, 0
  local function new(options)
    now, load = 0, 0
    return budget.new(options, { now = function() return now end,
      load = function() return load end })
  end
  local function box(mb, cpus)
    return { sandbox = { memory_limit_mb = mb, cpu_limit = cpus } }
  end
  local plain = { sandbox = false }

  it("adds up what sandboxes may take", function()
    local made = new { memory_mb = 1000, cpus = 2 }
    made:take(box(600, 1))
    assert.is_nil(made:wait_for(box(500, 1)))
    assert.equal(0, made:wait_for(box(400, 1)))
    assert.is_nil(made:wait_for(box(100, 1.5)))
    assert.equal(0, made:wait_for(plain))
    made:give(box(600, 1))
    assert.equal(0, made:wait_for(box(1000, 2)))
  end)

  it("says what will never fit", function()
    local made = new { memory_mb = 1000, cpus = 2 }
    assert.matches("it needs 1001 MiB of memory, and there are 1000 MiB", made:never(box(1001, 1)))
    assert.matches("it needs 3 processors, and there are 2", made:never(box(1, 3)))
    assert.is_nil(made:never(box(1000, 2)))
    assert.is_nil(made:never(plain))
  end)

  it("takes a part of the memory that is free, if nothing is said", function()
    assert.matches("MiB of memory", new {}:never(box(1 << 40, 1)))
  end)

  it("waits while the load is too high, but not for others' alone", function()
    local made = new { load = 4 }
    load = 9
    assert.equal(0, made:wait_for(plain))
    made:take(plain)
    assert.is_true(made:wait_for(plain) > 0)
    load, now = 3, 2000
    assert.equal(0, made:wait_for(plain))
  end)

  it("spreads starts over the time, and does not make up for a pause", function()
    local made = new { rate = { count = 10, per_ms = 1000 } }
    local starts = {}
    for _ = 1, 3 do
      while made:wait_for(plain) > 0 do now = now + made:wait_for(plain) end
      made:take(plain)
      starts[#starts + 1] = now
    end
    assert.same({ 0, 100, 200 }, starts)
    now = 10000
    made:take(plain)
    assert.equal(0, made:wait_for(plain))
    made:take(plain)
    assert.is_true(made:wait_for(plain) > 0)
  end)
end)
