--- A machine that has few descriptors left, whose clock is set, or where the runner is stopped.

local batches = require "support.batches"
local host = require "support.host"
local json = require "kavach.json"
local kavach = require "kavach"
local process = require "kavach.process"
local program = require "support.program"

describe("a batch", function()
  local here, running
  before_each(function() here = batches.place() end)
  after_each(function()
    if running then running:close() end
    running = nil
    assert.is_true(here:gone())
    here.remove()
  end)

  it("with too few descriptors has jobs fail that cannot start, and says why", function()
    here:write("script.lua", [[
      local batch = require("kavach").batch { name = "few", jobs = 12, sandbox = false,
        retries = 1, retry_delay_ms = 5 }
      for i = 1, 24 do
        batch:job { id = "job" .. i,
          command = "echo $KAVACH_ATTEMPT >>$HOME/ran-$KAVACH_JOB; sleep 0.05; echo x" }
      end
      return batch
    ]])
    local failed = 0
    for _, most in ipairs { 14, 22, 30, 38 } do
      local r = assert(process.exec({ "prlimit", "--nofile=" .. most, program.absolute, "batch",
        "script.lua", "--replace", "--quiet" }, { env = here.env, cwd = here.folder,
        timeout_ms = 60000 }))
      assert.is_false(r.timed_out)
      assert.is_true(r.cpu_ms < 10000, r.cpu_ms)
      assert.is_true(r.exit_code == 1 or r.exit_code == 2, r.stderr)
      assert.matches("[Tt]oo many open files", r.stderr)
      if r.exit_code == 2 then
        for id, job in pairs(here:jobs "few") do
          assert.is_true(job.state == "done" or job.state == "failed")
          if job.state == "failed" then
            failed = failed + 1
            assert.matches("Too many open files", job.reason)
            assert.equal(2, #job.tries)
            assert.is_nil(here:read("ran-" .. id))
          end
        end
        local code, _, errors = here:run("resume", "few", "--failed", "--quiet")
        assert.equal(0, code, errors)
      end
      os.execute(("rm -f '%s'/ran-*"):format(here.folder))
    end
    assert.is_true(failed > 0)
  end)

  it("whose machine's clock is set back keeps its order, and its durations", function()
    -- It is an hour earlier after the second job, and a year later after the fourth.
    here:write("script.lua", [[
      local core, kavach = require "kavach.core", require "kavach"
      local real, shift = core.wall_clock, 0
      function core.wall_clock() return real() + shift * 1000000000 end
      local schedule = getmetatable(require("kavach.batch.schedule").new { source = {} }).__index
      local committed = schedule.committed
      local count = 0
      function schedule.committed(...)
        count = count + 1
        if count == 2 then shift = -3600 elseif count == 4 then shift = 365 * 86400 end
        return committed(...)
      end
      local batch = kavach.batch { name = "clock", jobs = 1, sandbox = false }
      local before
      for i = 1, 6 do
        before = batch:job { id = "job" .. i, command = "sleep 0.02; echo " .. i,
          needs = { before } }
      end
      return batch
    ]])
    local code, out, errors = here:run("script.lua", "--json", "--joblog", "log", "--report",
      "report.html", "--results", "results")
    assert.same({ 0, "" }, { code, errors:match "\nkavach: batch: [^\n]*" or "" }, errors)
    local order, sum = {}, 0
    for line in out:gmatch "[^\n]+" do
      local event = json.decode(line)
      if event.event == "ended" then
        order[#order + 1] = event.job
        assert.is_true(event.duration_ms >= 20 and event.duration_ms < 20000, line)
      elseif event.event == "finished" then
        sum = event.duration_ms
      end
    end
    assert.same({ "job1", "job2", "job3", "job4", "job5", "job6" }, order)
    assert.is_true(sum >= 120 and sum < 60000, sum)
    local lines = 0
    for runtime in here:read("log"):gmatch "\n%d+\t:\t[%d.]+\t *([%d.-]+)" do
      lines = lines + 1
      assert.is_true(tonumber(runtime) >= 0.02 and tonumber(runtime) < 20, runtime)
    end
    assert.equal(6, lines)
    -- The clock that those have who look at it is the right one.
    for _, words in ipairs { { "status", "clock" }, { "list" }, { "report", "clock" } } do
      local exit, text, why = here:run(table.unpack(words))
      assert.same({ 0, "" }, { exit, why })
      assert.is_nil(text:find "%-%d+[.%d]* ?[smhd]%f[%A]", text)
    end
    local html = here:read "report.html"
    assert.matches("job6", html)
    assert.is_nil(html:find "nan")
    assert.is_nil(html:find 'width="%-')
    assert.equal(6, here:status("clock").counts.done)
  end)

  it("whose runner is stopped for a while ends its jobs in time, and goes on", function()
    here:write("script.lua", [[
      local batch = require("kavach").batch { name = "stopped", jobs = 2, sandbox = false }
      batch:job { id = "late", command = "sleep 60", timeout_ms = 300, grace_ms = 100 }
      batch:job { id = "flood", command = "head -c 1000000 /dev/zero; : >flooded" }
      batch:job { id = "after", command = "true", needs = { "flood" } }
      return batch
    ]])
    running = here:start { "script.lua", "--json" }
    batches.await(running, '"job":"flood"')
    running:kill(19)
    local stat = "/proc/" .. running:pid() .. "/stat"
    assert.is_true(host.eventually(function() return host.slurp(stat):find "%) T" end))
    local begun = kavach.now()
    assert.is_true(host.eventually(function() return kavach.now() - begun > 500 end))
    running:kill(18)
    local again = kavach.now()
    local code, out = batches.finish(running)
    assert.equal(2, code, out)
    assert.is_true(kavach.now() - again < 5000)
    local jobs = here:jobs "stopped"
    assert.same({ "failed", "done", "done" }, { jobs.late.state, jobs.flood.state,
      jobs.after.state })
    assert.is_true(jobs.late.tries[1].timed_out)
    assert.is_true(jobs.late.tries[1].duration_ms < 5500)
    local r <close> = here:reader "stopped"
    assert.equal(1000000, r:output(jobs.flood.seq, nil, "stdout").bytes)
  end)
end)
