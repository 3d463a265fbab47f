local batch = require "support.batch_watch"
local control = require "support.control"
local core = require "kavach.core"
local host = require "support.host"
local hosts = require "kavach.sandbox.control.hosts"
local json = require "kavach.json"
local server = require "kavach.sandbox.control.server"

local NS <const> = 1000000000

--- This process as a run: it lives.
local function own_run(fields)
  local start = host.slurp("/proc/self/stat"):match "^.*%) (.*)$"
  local field = 2
  for word in start:gmatch "%S+" do
    field = field + 1
    if field == 22 then start = word end
  end
  local run = { epoch = 1, pid = core.getpid(), start = tonumber(start), jobs = 4,
    boot_id = host.slurp("/proc/sys/kernel/random/boot_id"):match "%S+",
    began_ns = core.wall_clock() - 130 * NS }
  for key, value in next, fields or {} do run[key] = value end
  return run
end

local function failed(id, fields)
  local job = { id = id, state = "failed", reason = "exit code 3", attempts = 2, tries = {
    { state = "failed", exit_code = 1, reason = "exit code 1",
      stdout_output = { text = "first\n" }, stderr_output = { text = "" } },
    { state = "failed", exit_code = 3, reason = "exit code 3",
      stdout_output = { text = "o1\no2\n" }, stderr_output = { text = "e\27[2J\xff\n" } },
  } }
  for key, value in next, fields or {} do job[key] = value end
  return job
end

local function done(id)
  return { id = id, state = "done", attempts = 1,
    tries = { { state = "done", exit_code = 0, stdout_output = { text = "fine\n" } } } }
end

local undo
local function with(batches) undo = batch.journals(batches) end

describe("kavach batch", function()
  after_each(function() undo() end)

  describe("status", function()
    it("tells of one that runs what the journal has, if its process does not answer", function()
      with { web = { name = "web", runs = { own_run() }, jobs = { done "a", failed "b\n",
        { id = "c", state = "running", attempts = 2,
          changed_ns = core.wall_clock() - 42 * NS - NS // 2 },
        { id = "d", state = "waiting" } } } }
      local code, out = batch.action("status", "web")
      assert.equal(0, code)
      assert.matches(("^web: running by process %d for 2m 1%%ds, 4 at a time; it does not answer\n")
        :format(core.getpid()), out)
      assert.matches("  2/4  50 %  1 done, 1 failed, 2 left\n", out, 1, true)
      assert.matches("\nrunning\n +c 42s %S+2\n", out)
      assert.matches("\nfailed\n  %S+ b\\x0a: exit code 3\n", out)
      assert.matches("next\n  kavach batch logs web\n  kavach batch status web --follow\n", out, 1,
        true)
    end)

    it("tells whether it ended, died or never began, and what to do", function()
      local ended = core.wall_clock() - 60 * NS
      for _, case in ipairs {
        { {}, { done "a" }, "it has not been run yet", nil },
        { { own_run { ended_ns = ended, ending = "done" } }, { done "a" },
          "every job succeeded; it ended 1m 00s ago", nil },
        { { own_run { ended_ns = ended, ending = "failed" } }, { failed "a" },
          "some jobs did not succeed; it ended 1m 00s ago", "kavach batch resume web --failed" },
        { { own_run { ended_ns = ended, ending = "signal 2" } },
          { { id = "a", state = "waiting" } },
          "it was ended by signal 2; it ended 1m 00s ago", "kavach batch resume web" },
        { { own_run { start = 1 } }, { { id = "a", state = "running" } },
          ("its process %d died; it began 2m 10s ago"):format(core.getpid()),
          "kavach batch resume web" },
        { { own_run { boot_id = "another" } }, { { id = "a", state = "running" } },
          ("its process %d died"):format(core.getpid()), "kavach batch resume web" },
      } do
        if undo then undo() end
        with { web = { name = "web", runs = case[1], jobs = case[2] } }
        local _, out = batch.action("status", "web")
        assert.matches("web: " .. case[3], out, 1, true)
        if case[4] then
          assert.matches("  " .. case[4] .. "\n", out, 1, true)
        else
          assert.not_matches("resume", out)
        end
      end
    end)

    it("tells what its process says, if that answers, and has a document with it", function()
      with { web = { name = "web", runs = { own_run() }, jobs = { done "a" } } }
      local served, socket = control.serve(), hosts.socket
      hosts.socket = function() return served.path end
      server.register("batch.snapshot", { params = { name = "string" }, run = function()
        return batch.snapshot(10, { batch = "web", paused = true, running = {
          { job = "b\27[2J", slot = 3, age_ms = 5000, attempt = 1, last_line = "50 %" } } })
      end })
      local _, text = batch.action("status", "web")
      local code, out = batch.action("status", "web", "--json")
      hosts.socket = socket
      served.close()
      assert.matches("4 at a time; paused\n", text, 1, true)
      assert.matches("\nrunning\n  3 b\\x1b[2J 5s  50 %\n", text, 1, true)
      local document = assert(json.decode(out))
      assert.same({ 0, 1, "running", 10, true }, { code, document.version, document.state,
        document.live.counts.total, document.live.paused })
      assert.same({ slot = 3, age_ms = 5000, attempt = 1, job = "b\27[2J", last_line = "50 %" },
        document.live.running[1])
    end)

    it("that is followed tells each change until nobody runs it", function()
      local runs, jobs = { own_run() }, { done "a", { id = "b", state = "running" } }
      with { web = { name = "web", runs = runs, jobs = jobs } }
      local task = require "kavach.task"
      local sleep, socket = task.sleep, hosts.socket
      hosts.socket = function() return "/nowhere" end -- another spec may have this process listen
      local rounds = 0
      task.sleep = function()
        rounds = rounds + 1
        if rounds == 2 then jobs[2] = done "b" end
        if rounds == 3 then runs[1].ended_ns, runs[1].ending = core.wall_clock(), "done" end
      end
      local code, out = batch.action("status", "web", "--follow")
      task.sleep, hosts.socket = sleep, socket
      assert.equal(0, code)
      assert.matches("^web: 1 done, 1 left\nweb: 2 done\n"
        .. "web: every job succeeded; it ended 0.0 s ago\n", out)
    end)

    it("says so if the journal cannot be read", function()
      with { web = { name = "web", damaged = true, jobs = {} } }
      for _, words in ipairs { { "status", "web" }, { "status", "web", "--json" },
        { "status", "web", "-f" }, { "logs", "web", "-f" } } do
        local code, out, _, why = batch.action(table.unpack(words))
        assert.same({ "", "the journal is damaged" }, { out, tostring(why) })
        assert.is_nil(code)
      end
      local code, out, errors = batch.action "list"
      assert.same({ 1, "NAME  STATE  ENDED  FAILED  AGE\n" }, { code, out })
      assert.equal("kavach: batch list: web: the journal is damaged\n", errors)
    end)
  end)

  describe("logs", function()
    it("shows the last lines of the jobs that failed", function()
      local lines = {}
      for i = 1, 20 do lines[i] = "line " .. i end
      with { web = { name = "web", runs = {}, jobs = { done "a", failed "b",
        failed("c", { tries = { { state = "failed", exit_code = 1,
          stdout_output = { text = table.concat(lines, "\n") }, stderr_output = { text = "" } } },
          reason = "exit code 1" }) } } }
      local code, out = batch.action("logs", "web")
      assert.equal(0, code)
      assert.matches("^%S+ b: exit code 3, attempt 2\n    e\27%[2J\xff\n"
        .. "%S+ c: exit code 1, attempt 1\n    line 11\n.*    line 20\n$", out)
    end)

    it("shows what one job has printed: both, one of them, of an earlier attempt", function()
      with { web = { name = "web", runs = {}, jobs = { failed "b" } } }
      for words, expected in pairs {
        [{ "b" }] = { "o1\no2\n", "e\27[2J\xff\n" }, [{ "b", "--stdout" }] = { "o1\no2\n", "" },
        [{ "b", "--stderr" }] = { "e\27[2J\xff\n", "" },
        [{ "b", "--attempt", "1" }] = { "first\n", "" },
      } do
        local code, out, errors = batch.action("logs", "web", table.unpack(words))
        assert.equal(0, code)
        assert.same(expected, { out, errors })
      end
    end)

    it("copies what is in a file", function()
      local text = ("x"):rep(200000) .. "\n"
      local path = host.write(os.tmpname(), text)
      with { web = { name = "web", runs = {}, jobs = { failed("b", { tries = {
        { state = "failed", stdout_output = { path = path } } } }) } } }
      local _, out = batch.action("logs", "web", "b")
      os.remove(path)
      assert.equal(text, out)
    end)

    it("has documents, too", function()
      with { web = { name = "web", runs = {}, jobs = { failed "b", done "a" } } }
      local _, out = batch.action("logs", "web", "--json")
      local document = assert(json.decode(out))
      assert.same({ 1, "web", "b", 2, "failed", 3, "o1\no2\n", "base64" }, { document.version,
        document.batch, document.job, document.attempt, document.attempt_state,
        document.exit_code, document.stdout, document.stderr_encoding })
    end)

    it("says why there is nothing to be shown", function()
      with { web = { name = "web", runs = {}, jobs = { failed "b", { id = "c", state = "running" },
        { id = "d", state = "waiting" } } } }
      for message, words in pairs {
        ["batch 'web' has no job 'x'"] = { "x" },
        ["job 'b' has no result of an attempt 7"] = { "b", "--attempt=7" },
        ["job 'c' runs: its output is there once it has ended"] = { "c" },
        ["job 'd' is waiting: it has printed nothing yet"] = { "d" },
      } do
        local code, _, _, why = batch.action("logs", "web", table.unpack(words))
        assert.is_nil(code)
        assert.matches(message, tostring(why), 1, true)
      end
      assert.equal(64, (batch.action("logs", "web", "--attempt", "1")))
    end)

    it("that are followed go on until the job has ended", function()
      local job = failed("b", { state = "running" })
      local last = table.remove(job.tries)
      with { web = { name = "web", runs = { own_run() }, jobs = { job } } }
      local task = require "kavach.task"
      local sleep, rounds = task.sleep, 0
      task.sleep = function()
        rounds = rounds + 1
        if rounds == 3 then job.tries[2], job.state = last, "failed" end
      end
      local code, out = batch.action("logs", "web", "b", "-f", "--stdout")
      task.sleep = sleep
      assert.same({ 0, "first\no1\no2\n", 3 }, { code, out, rounds })
    end)
  end)

  describe("list", function()
    it("shows each batch with how it stands", function()
      local ended = core.wall_clock()
      with { a = { name = "a", runs = { own_run() }, jobs = { done "x", { id = "y",
        state = "running" } } }, b = { name = "b", jobs = {} },
        c = { name = "c", runs = { own_run { ended_ns = ended, ending = "failed" } },
          jobs = { failed "x" } } }
      local code, out = batch.action "list"
      assert.same({ 0, table.concat({
        "NAME  STATE    ENDED  FAILED  AGE", "a     running  1/2    0       2m",
        "b     new      0/0    0       -", "c     failed   1/1    1       2m" }, "\n") .. "\n" },
        { code, out })
      code, out = batch.action("list", "--json")
      local document = assert(json.decode(out))
      assert.same({ 0, 1, 3 }, { code, document.version, #document.batches })
      assert.same({ "a", "running", core.getpid(), 2 }, { document.batches[1].name,
        document.batches[1].state, document.batches[1].pid, document.batches[1].counts.total })
    end)
  end)
end)
