--- What a batch tells has the fields that the annotations name, and no others.

local fields_of = require("support.annotations").fields_of
local host = require "support.host"
local kavach = require "kavach"

local NOT_TOLD_HERE <const> = { trouble = true, warning = true }
-- What the journal is told with a result.
local BESIDES <const> = { state = true, attempt_state = true }

-- Whether every field is a known one.
local function check(what, t, class, file, also)
  local known = fields_of(class, file or "meta/batch.lua")
  assert.is_not_nil(next(known), class)
  for name in pairs(t) do
    assert.is_true((known[name] or also and also[name]) ~= nil, ("%s: %s"):format(what, name))
  end
end

-- A batch in which all happens that can: a retry, a job that fails and one that needs it, one that
-- is cancelled before it runs, a pause, a number of slots, and an end before it is through.
local function run(observe)
  local results, snapshot = {}, nil
  local batch = kavach.batch {
    name = "told", sandbox = false, jobs = 1, retries = 1, retry_delay_ms = 1,
    retry_if = function(result)
      results[#results + 1] = result
      return true
    end,
  }
  local jobs, at = {
    { id = "fails", command = "echo >&2 no; exit 3", priority = 2 },
    { id = "needs", command = "true", needs = "fails" },
    { id = "cancelled", command = "true", priority = -1 },
    { id = "hangs", command = "sleep 60", priority = -2 },
  }, 0
  batch:generate(function()
    at = at + 1
    return jobs[at]
  end)
  local control
  local seen = {}
  local summary = assert(batch:run {
    on_ready = function(schedule) control = schedule end,
    observe = function(e)
      observe(e)
      if e.event == "started" and e.job == "fails" and e.attempt == 1 then
        control:pause()
        control:set_jobs(2)
        control:cancel("cancelled", "not wanted")
        control:continue()
      end
      seen[e.event .. (e.job or "")] = true
      if seen.startedhangs and seen.skippedneeds and not snapshot then
        snapshot = control:snapshot()
        control:stop("drain", "enough", "signal 2")
        control:stop("cancel", "enough", "signal 2")
      end
    end,
  })
  return summary, snapshot, results
end

describe("the annotations of batches name", function()
  local folder, remove, restore
  before_each(function()
    folder, remove = host.folder()
    restore = host.pretend { XDG_STATE_HOME = folder }
  end)
  after_each(function()
    restore()
    remove()
  end)

  it("what events, results, snapshots and the summary have", function()
    local told = {}
    local summary, snapshot, results = run(function(e)
      told[e.event] = true
      check(e.event, e, "kavach.BatchEvent")
      if e.result then
        check("result", e.result, "kavach.batch.result", "batch/attempt/outcome.lua", BESIDES)
      end
      if e.counts then check("counts", e.counts, "kavach.BatchCounts") end
    end)
    check("summary", summary, "kavach.batch.summary", "batch/run.lua")
    check("counts", summary.counts, "kavach.BatchCounts")
    check("snapshot", snapshot, "kavach.BatchSnapshot")
    check("running", snapshot.running[1], "kavach.BatchRunning")
    check("the result for retry_if", results[1], "kavach.batch.result",
      "batch/attempt/outcome.lua", BESIDES)
    assert.same({ 3, "no\n" }, { results[1].exit_code, results[1].stderr.text })
    assert.same({ "signal 2", 130 }, { summary.ending, summary.exit_code })

    local kinds = {}
    for line in io.lines "lua/kavach/meta/batch.lua" do
      local kind = line:match '^%-%-%-| "(%a+)"'
      if kind and not NOT_TOLD_HERE[kind] then kinds[kind] = true end
    end
    told.warning = nil -- another spec may have had this process listen
    assert.same(kinds, told)
  end)
end)
