-- A batch that runs, watched and steered from another terminal.

local batch = require "support.batch_program"
local json = require "kavach.json"

local function start(name, words)
  return batch.start(("exec $K batch --no-sandbox --name %s %s --command '$T/until %s{}; echo {}'")
    :format(name, words, name) .. " 1 2 3 4 5")
end

local function let_go(name, ...)
  for _, i in ipairs { ... } do batch.let_go(name .. i) end
end

local function live(name)
  local document = assert(json.decode(batch.ok("$K batch status --json " .. name)))
  assert.equal("running", document.state)
  return document.live
end

describe("a batch that runs", function()
  setup(batch.setup)
  teardown(batch.teardown)

  it("pauses and continues", function()
    local p <close>, errors = start("held", "--jobs 1")
    batch.has_begun "held1"
    assert.equal("", (batch.ok "$K batch pause held"))
    local now = live "held"
    assert.same({ true, 1, 1, 5, "1", 1 }, { now.paused, now.jobs, now.counts.running,
      now.counts.total, now.running[1].job, now.running[1].attempt })
    assert.matches("1 at a time; paused\n", batch.ok "$K batch status held", 1, true)
    let_go("held", 1, 2, 3, 4, 5)
    batch.await(function() return live("held").counts.done == 1 end)
    assert.same({}, live("held").running)
    assert.is_false(batch.exists "begun-held2")
    assert.equal('{"batch":"held","version":1}\n', (batch.ok "$K batch continue held --json"))
    assert.equal(0, batch.exit(p))
    assert.matches("batch held: paused\n.*batch held: continued\n", errors())
  end)

  it("has those that run, and no others, as running, in its journal, too", function()
    local p <close> = start("seen", "--jobs 2")
    batch.has_begun "seen1"
    batch.has_begun "seen2"
    local document
    batch.await(function()
      document = json.decode(batch.ok "$K batch status --json seen")
      return document.counts.running == 2
    end)
    assert.same({ 3, 2, 2 }, { document.counts.waiting, #document.running,
      document.live.counts.running })
    local _, _, why = batch.shell "$K batch logs seen 1"
    assert.matches("job '1' runs", why, 1, true)
    let_go("seen", 1, 2, 3, 4, 5)
    assert.equal(0, batch.exit(p))
  end)

  it("runs more or fewer at a time", function()
    local p <close>, errors = start("many", "--jobs 1")
    batch.has_begun "many1"
    batch.ok "$K batch jobs many 3"
    batch.has_begun "many3"
    batch.ok "$K batch jobs many 1"
    assert.same({ 1, 3 }, { live "many".jobs, #live "many".running })
    let_go("many", 1, 2)
    batch.await(function() return live("many").counts.done == 2 end)
    assert.is_false(batch.exists "begun-many4")
    let_go("many", 3, 4, 5)
    assert.equal(0, batch.exit(p))
    assert.matches("3 jobs at a time now\n.*1 jobs at a time now\n", errors())
  end)

  it("ends some jobs for good, wherever they are on their way", function()
    local p <close> = start("some", "--jobs 1 --json")
    batch.has_begun "some1"
    batch.ok "$K batch cancel some 1 5"
    local code, _, errors = batch.shell "$K batch cancel some 5"
    assert.same({ 1, "kavach: batch cancel: there is no job '5' that waits or runs\n" },
      { code, errors })
    let_go("some", 2, 3, 4)
    local out = batch.rest(p)
    assert.equal(2, batch.exit(p))
    assert.same({ ["1"] = "cancelled", ["2"] = "done", ["3"] = "done", ["4"] = "done",
      ["5"] = "cancelled" }, batch.states "some")
    assert.same({ ["1"] = 1, ["2"] = 1, ["3"] = 1, ["4"] = 1 }, batch.tries "some")
    local told = {}
    for line in out:gmatch "[^\n]+" do
      local e = json.decode(line)
      if e.event == "cancelled" or e.state == "cancelled" then told[e.job] = e.event end
    end
    assert.same({ ["1"] = "ended", ["5"] = "cancelled" }, told)
  end)

  it("ends, and what was ended for good before is not run by the next", function()
    local p <close>, errors = start("all", "--jobs 1 -k")
    batch.has_begun "all1"
    batch.ok "$K batch cancel all 5 && $K batch cancel all"
    assert.equal("", batch.rest(p))
    assert.equal(2, batch.exit(p))
    assert.matches("1/5 cancelled  5: cancelled by name\n.*cancelling: it was cancelled\n",
      errors())
    assert.matches("batch all: 1/5 ended  1: it was cancelled", errors(), 1, true)
    let_go("all", 1, 2, 3, 4, 5)
    local code, out = batch.shell "$K batch resume -q all"
    assert.same({ 2, "1\n2\n3\n4\n" }, { code, out })
    assert.equal("cancelled", batch.states "all"["5"])
  end)

  it("is nothing to steer when it does not run", function()
    batch.ok "$K batch --no-sandbox --name over --command true a"
    for _, verb in ipairs { "pause", "continue", "cancel", "jobs" } do
      local more = verb == "jobs" and " 3" or ""
      local code, out, errors = batch.shell(("$K batch %s over%s --json"):format(verb, more))
      assert.equal(1, code)
      assert.equal("invalid_argument", assert(json.decode(out)).error.kind)
      assert.equal(("kavach: batch %s: batch 'over' does not run: kavach batch resume over goes "
        .. "on with it\n"):format(verb), errors)
      code, out, errors = batch.shell(("$K batch %s nosuch%s"):format(verb, more))
      assert.same({ 1, "" }, { code, out })
      assert.matches("there is no batch 'nosuch'; see kavach batch list", errors, 1, true)
    end
  end)

  it("keeps others from itself, and says who has it", function()
    local p <close> = start("mine", "--jobs 1")
    batch.has_begun "mine1"
    local pid = p:pid()
    for _, line in ipairs { "resume mine", "remove mine", "--name mine --replace --no-sandbox a "
      .. "--command true" } do
      local code, out, errors = batch.shell("$K batch " .. line:gsub("^(.*) a (.*)$", "%1 %2 a"))
      assert.same({ 1, "" }, { code, out })
      assert.matches(("the batch 'mine' is being worked on by process %d, since "):format(pid),
        errors, 1, true)
    end
    let_go("mine", 1, 2, 3, 4, 5)
    assert.equal(0, batch.exit(p))
  end)

  it("may be one of two in one program, each steered by itself", function()
    batch.write("two.lua", [[
      local kavach = require "kavach"
      local function run(name)
        local batch = kavach.batch { name = name, sandbox = false, jobs = 1 }
        for i = 1, 2 do
          batch:job { id = tostring(i), command = "$T/until " .. name .. i }
        end
        return assert(batch:run()).counts.done
      end
      local a, b = kavach.spawn(run, "left"), kavach.spawn(run, "right")
      print(a:await(), b:await())]])
    local p <close> = batch.start "exec $K two.lua"
    batch.has_begun "left1"
    batch.has_begun "right1"
    batch.ok "$K batch pause left"
    assert.same({ true, false }, { live "left".paused, live "right".paused })
    let_go("right", 1, 2)
    let_go("left", 1, 2)
    batch.await(function() return batch.states "right"["2"] == "done" end)
    batch.await(function() return live("left").counts.done == 1 end)
    assert.is_false(batch.exists "begun-left2")
    local code, _, errors = batch.shell "$K batch pause right"
    assert.equal(1, code)
    assert.matches("does not run", errors, 1, true)
    batch.ok "$K batch continue left"
    assert.equal("2\t2\n", batch.rest(p))
  end)
end)
