local axis_of = require "kavach.batch.report.axis"
local host = require "support.host"
local html = require "kavach.batch.report.html"
local lanes_of = require "kavach.batch.report.lanes"
local facts_of = require "kavach.batch.report.facts"
local markup = require "support.markup"
local reader = require "support.batch_reader"

local BEGAN <const>, SECOND <const> = reader.BEGAN, reader.SECOND

local function lanes(given)
  local r = reader.new(given)
  local facts = facts_of.gather(r, given.now or BEGAN)
  local axis = axis_of.new(facts.runs)
  return lanes_of.of(r, facts, axis), axis, facts
end

-- Each bar as "STATE FROM-TO".
local function bars(lane)
  local shown = {}
  for i, bar in ipairs(lane.bars) do
    shown[i] = ("%s %.0f-%.0f"):format(bar.state, bar.x, bar.x + bar.width)
  end
  return shown
end

local function run(epoch, from, to, ending)
  return { epoch = epoch, pid = 1, start = 1, boot_id = "none", jobs = 2,
    began_ns = BEGAN + from * SECOND, ended_ns = to and BEGAN + to * SECOND, ending = ending }
end

describe("the timeline", function()
  it("has a lane for each slot, and a bar for each attempt", function()
    local list = lanes { runs = { run(1, 0, 10, "failed") }, jobs = {
      { id = "a", attempts = { { from = 0, to = 4, state = "failed" }, { from = 5, to = 9 } } },
      { id = "b", attempts = { { from = 1, to = 10, slot = 2, state = "cancelled" } } },
    } }
    assert.equal(2, #list)
    assert.same({ "failed 0-400", "done 500-900" }, bars(list[1]))
    assert.same({ "cancelled 100-1000" }, bars(list[2]))
  end)

  it("leaves out the time between runs, and ends one that died with what is known of it", function()
    local _, axis, facts = lanes { runs = { run(1, 0), run(2, 50000, 50004, "done") }, jobs = {
      { id = "a", attempts = { { from = 0, to = 3 } } },
      { id = "b", attempts = { { from = 3, state = "interrupted" },
        { from = 50000, to = 50004, epoch = 2 } } },
      { id = "c", attempts = { { from = 1, to = 4, slot = 2 } } },
    } }
    assert.same({ "died", "done" }, { facts.runs[1].state, facts.runs[2].state })
    assert.same({ 4000.0, 8000.0 }, { facts.runs[1].ms, facts.wall_ms })
    assert.same({ 0, 491.0, 509.0, 1000.0 }, { axis:x(1, BEGAN), axis:x(1, BEGAN + 4 * SECOND),
      axis:x(2, BEGAN + 50000 * SECOND), axis:x(2, BEGAN + 50004 * SECOND) })
  end)

  it("draws an interrupted attempt to where its run died, a running one until now", function()
    local list = lanes { runs = { run(1, 0) }, jobs = {
      { id = "a", attempts = { { from = 0, to = 8 } } },
      { id = "b", attempts = { { from = 4, state = "interrupted", slot = 2 } } },
    } }
    assert.same({ "interrupted 500-1000" }, bars(list[2]))
  end)

  it("stays within the run when a clock was set", function()
    local list, axis = lanes { runs = { run(1, 0, 10, "done") }, jobs = {
      { id = "a", attempts = { { from = 5, to = -90, exit_code = 0 } } },
      { id = "b", attempts = { { from = 700, to = 900, slot = 2 } } },
    } }
    assert.same({ "done 500-501" }, bars(list[1]))
    assert.same({ "done 999-1000" }, bars(list[2]))
    assert.equal(0, axis:x(1, BEGAN - SECOND))
    assert.is_nil(axis:x(9, BEGAN))
    local _, backwards = lanes { runs = { run(1, 10, 0, "done") } }
    assert.equal(0, backwards.total)
  end)

  it("merges what is too narrow to be seen, and does not lose a failure", function()
    local jobs = {}
    for i = 1, 10000 do
      jobs[i] = { id = "j" .. i, attempts = { { from = i / 10, to = (i + 0.9) / 10,
        state = i == 5008 and "failed" or "done" } } }
    end
    local list = lanes { runs = { run(1, 0, 1001, "failed") }, jobs = jobs }
    assert.same({ "done 0-500", "failed 500-501", "done 501-1000" }, {
      bars(list[1])[1], bars(list[1])[2], bars(list[1])[3] })
    assert.equal(3, #list[1].bars)
  end)

  it("keeps the report of 10 000 attempts small", function()
    local jobs, clocks = {}, { 0, 0, 0, 0, 0, 0, 0, 0 }
    for i = 1, 10000 do
      local slot = i % 8 + 1
      local from = clocks[slot]
      clocks[slot] = from + 0.05 + i * 7919 % 100 / 100
      jobs[i] = { id = "job " .. i, attempts = { { from = from, to = clocks[slot], slot = slot,
        state = i % 50 == 0 and "failed" or "done" } } }
    end
    local path = os.tmpname()
    assert(html.write(reader.new { jobs = jobs }, path))
    local text = host.slurp(path)
    os.remove(path)
    markup.parse(text, true)
    assert.is_true(#text < 200000, "it has " .. #text .. " bytes")
  end)

  it("has many slots in as many lanes as can be told apart", function()
    local jobs = {}
    for i = 1, 1000 do
      jobs[i] = { id = "j" .. i, attempts = { { from = 0, to = 1, slot = i } } }
    end
    local given = run(1, 0, 1, "done")
    given.jobs = 1000
    local list = lanes { runs = { given }, jobs = jobs }
    assert.equal(256, #list)
    for _, lane in ipairs(list) do assert.is_true(#lane.bars >= 3) end
  end)

  it("is labelled in round times", function()
    local function labels(seconds)
      local _, axis = lanes { runs = { run(1, 0, seconds, "done") } }
      local shown = {}
      for i, tick in ipairs(axis:ticks()) do shown[i] = tick.text end
      return table.concat(shown, ", ")
    end
    assert.equal("0 s, 0.2 s, 0.4 s, 0.6 s, 0.8 s, 1 s", labels(1))
    assert.equal("0 s, 2 s, 4 s, 6 s, 8 s, 10 s, 12 s", labels(12))
    assert.equal("0 min, 1 min, 2 min, 3 min, 4 min, 5 min", labels(300))
    assert.equal("0:00 min, 0:20 min, 0:40 min, 1:00 min, 1:20 min, 1:40 min, 2:00 min",
      labels(120))
    assert.equal("0 h, 2 h, 4 h, 6 h, 8 h, 10 h", labels(10 * 3600))
    assert.equal("0 d, 14 d, 28 d, 42 d, 56 d, 70 d", labels(80 * 86400))
  end)
end)
