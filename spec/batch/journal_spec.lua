local core = require "kavach.core"
local host = require "support.host"
local journal = require "kavach.batch.journal"
local journals = require "support.journals"
local kavach = require "kavach"
local lfs = require "lfs"

local all, await = journals.all, journals.await

describe("a journal", function()
  local place, j, jobs
  before_each(function()
    place = journals.place()
    j, jobs = journals.begun(place.path, { "a", "b", "c" })
  end)
  after_each(function()
    j:close()
    place.remove()
  end)

  local function reader() return assert(journal.reader(place.path)) end

  local function states()
    local r <close> = reader()
    local found = {}
    for job in r:jobs() do found[job.id] = job.state end
    return found
  end

  -- An attempt from its claim to its end.
  local function attempt(id, number, record)
    local seq = jobs[id].seq
    assert(await(j, "claim", { { seq = seq, number = number } }))
    return await(j, "finish", seq, number, record)
  end

  local function fenced(ok, why)
    assert.is_nil(ok)
    assert.same({ "invalid_transition", true }, { why.kind, why.fenced })
  end

  -- ---- its file ---------------------------------------------------------------------------------

  it("keeps what it is about", function()
    local about = { name = "spec", uuid = "u-1", form = "lua", version = 1,
      source = { path = "a.lua", args = {} }, created_ns = j.about.created_ns }
    assert.same(about, j.about)
    assert.is_true(math.abs(core.wall_clock() - about.created_ns) < 60e9)
    j:close()
    j = assert(journal.open(place.path))
    assert.same(about, j.about)
    local r <close> = reader()
    assert.same(about, r:about())
    assert.equal("rw-------", lfs.attributes(place.path, "permissions"))
  end)

  it("is not made where there is one", function()
    local other, why = journal.create(place.path, journals.ABOUT)
    assert.is_nil(other)
    assert.same({ "invalid_transition", true }, { why.kind, why.exists })
    assert.same({ a = "waiting", b = "waiting", c = "waiting" }, states())
  end)

  it("is made of an empty file that somebody left", function()
    local path = host.write(place.folder .. "/empty.db", "")
    local none, why = journal.open(path)
    assert.same({ nil, true }, { none, why.empty })
    local made <close> = assert(journal.create(path, journals.ABOUT))
    assert.equal(1, made:begin_run(journals.RUN))
  end)

  it("leaves no file where it cannot be made", function()
    local none, why = journal.create(place.folder .. "/none/a.db", journals.ABOUT)
    assert.same({ nil, "io" }, { none, why.kind })
    assert.matches("No such file", why.message)
    assert.error_matches(function() journal.create(place.path, { name = "x" }) end,
      "journal: form is required")
  end)

  -- ---- runs -------------------------------------------------------------------------------------

  it("counts its runs, and says how each ended", function()
    assert.equal(1, j.epoch)
    assert(await(j, "end_run", "signal 2"))
    j:close()
    j = assert(journal.open(place.path))
    assert.equal(2, j:begin_run { pid = 8, start = 456, boot_id = "c", supervisor_pid = 9,
      supervisor_start = "5", jobs = 4 })
    local r <close> = reader()
    local runs = r:runs()
    for _, run in ipairs(runs) do
      assert.is_true(math.abs(core.wall_clock() - run.began_ns) < 60e9)
      run.began_ns = nil
    end
    assert.is_number(runs[1].ended_ns)
    runs[1].ended_ns = nil
    assert.same({
      { epoch = 1, pid = 7, start = "123", boot_id = "b", jobs = 2, ending = "signal 2" },
      { epoch = 2, pid = 8, start = 456, boot_id = "c", jobs = 4, supervisor_pid = 9,
        supervisor_start = "5" },
    }, runs)
  end)

  it("takes nothing before a run has begun, and begins one once", function()
    assert.error_matches(function() j:begin_run(journals.RUN) end, "it has begun")
    j:close()
    j = assert(journal.open(place.path))
    for _, name in ipairs { "add", "settle", "claim", "started", "release", "finish",
      "interrupt_all", "end_run" } do
      assert.error_matches(function() j[name](j, {}) end, name .. ": no run has begun")
    end
  end)

  it("writes nothing of a run after another has begun", function()
    local other <close> = assert(journal.open(place.path))
    assert(await(j, "claim", { { seq = jobs.a.seq, number = 1 } }))
    assert.equal(2, other:begin_run(journals.RUN))
    fenced(await(j, "finish", jobs.a.seq, 1, { state = "done" }))
    fenced(await(j, "claim", { { seq = jobs.b.seq, number = 1 } }))
    fenced(await(j, "add", { { id = "d" } }))
    fenced(await(j, "settle", { jobs.c.seq }, "skipped", "x"))
    fenced(await(j, "release", { { seq = jobs.a.seq, number = 1 } }))
    fenced(await(j, "end_run", "done"))
    assert.is_nil(j:trouble())
    assert.same({ a = "waiting", b = "waiting", c = "waiting" }, states())
    assert(await(other, "claim", { { seq = jobs.b.seq, number = 1 } }))
  end)

  -- ---- jobs -------------------------------------------------------------------------------------

  it("numbers jobs as they are added", function()
    assert.same({ 1, 2, 3 }, { jobs.a.seq, jobs.b.seq, jobs.c.seq })
    assert.same({ "waiting", 0, 0, 1 }, { jobs.a.state, jobs.a.attempts, jobs.a.failures,
      jobs.a.epoch })
  end)

  it("tells what is known of a job that is added again, and changes nothing in it", function()
    attempt("b", 1, { state = "retry" })
    attempt("b", 2, { state = "done" })
    local again = { { id = "d", tag = "x" }, { id = "b", tag = "y", spec = "{}" } }
    assert(await(j, "add", again))
    assert.same({ id = "d", tag = "x", seq = 4, state = "waiting", attempts = 0, failures = 0,
      epoch = 1 }, again[1])
    assert.same({ id = "b", tag = "y", spec = "{}", seq = 2, state = "done", attempts = 2,
      failures = 1, epoch = 1 }, again[2])
    local r <close> = reader()
    local b = all(r:jobs { id = "b" })[1]
    assert.same({}, { b.tag, b.spec })
  end)

  it("adds nothing where an id is twice in a call, and names it", function()
    local told = false
    j:add({ { id = "d" }, { id = "e\27[31m" }, { id = "e\27[31m" } }, function(ok, why)
      told = true
      assert.is_nil(ok)
      assert.same({ "invalid_argument", "e\27[31m", [[the job e\x1b[31m is there twice]] },
        { why.kind, why.id, why.message })
    end)
    assert.is_false(told)
    j:flush()
    assert.is_true(told)
    assert.is_nil(states().d)
  end)

  it("knows jobs by ids of any bytes", function()
    local ids = { "with/slash", "line\nline", "nul\0", "\xff\xfe", "", "1", "01", "1.0", "A", "a ",
      "gr\u{fc}n", ("x"):rep(10240), ("x"):rep(10241), "'; DROP TABLE job; --" }
    local list = {}
    for i, id in ipairs(ids) do list[i] = { id = id } end
    assert(await(j, "add", list))
    local asked = table.move(ids, 1, #ids, 2, { "nobody" })
    local known = assert(j:known(asked))
    assert.is_nil(known.nobody)
    for i, id in ipairs(ids) do
      assert.same({ seq = 3 + i, state = "waiting", attempts = 0, failures = 0, epoch = 1 },
        known[id])
    end
    local r <close> = reader()
    for i, id in ipairs(ids) do
      local found = all(r:jobs { id = id })
      assert.same({ 1, id, 3 + i }, { #found, found[1].id, found[1].seq })
    end
  end)

  it("settles jobs without an attempt", function()
    assert(await(j, "settle", { 1, 2 }, "skipped", "'x' failed"))
    assert(await(j, "settle", { 3 }, "cancelled", nil))
    assert.same({ a = "skipped", b = "skipped", c = "cancelled" }, states())
    local r <close> = reader()
    assert.equal("'x' failed", all(r:jobs { id = "b" })[1].reason)
    assert(await(j, "settle", { 1 }, "waiting", nil))
    assert.same({ a = "waiting", b = "skipped", c = "cancelled" }, states())
    assert.error_matches(function() j:settle({ 1 }, "done") end, "no job is settled as done")
  end)

  it("settles none of several if one is done or runs", function()
    attempt("a", 1, { state = "done" })
    assert(await(j, "claim", { { seq = 2, number = 1 } }))
    fenced(await(j, "settle", { 3, 1 }, "skipped", nil))
    fenced(await(j, "settle", { 3, 2 }, "skipped", nil))
    fenced(await(j, "settle", { 4 }, "skipped", nil))
    assert.same({ a = "done", b = "waiting", c = "waiting" }, states())
  end)

  -- ---- attempts ---------------------------------------------------------------------------------

  it("has a job run from its start to its end", function()
    assert(await(j, "claim", { { seq = 1, number = 1, slot = 2 }, { seq = 2, number = 1 } }))
    assert.same({ a = "waiting", b = "waiting", c = "waiting" }, states())
    j:started(1, 1, { slot = 1, pid = 77, pid_start = "88", time_ns = 99 })
    assert(j:flush())
    assert.same({ a = "running", b = "waiting", c = "waiting" }, states())
    local r <close> = reader()
    local first = all(r:attempts(1))[1]
    assert.is_number(first.claimed_ns)
    first.claimed_ns = nil
    assert.same({ seq = 1, id = "a", number = 1, epoch = 1, state = "running", slot = 1, pid = 77,
      pid_start = "88", started_ns = 99 }, first)
    assert(await(j, "finish", 1, 1, { state = "done" }))
    assert.same({ a = "done", b = "waiting", c = "waiting" }, states())
  end)

  it("claims all or none: the next attempt of a job that is not done, once", function()
    attempt("a", 1, { state = "done" })
    assert(await(j, "claim", { { seq = 2, number = 1 } }))
    for _, wrong in ipairs {
      { seq = 1, number = 1 }, { seq = 1, number = 2 }, { seq = 2, number = 1 },
      { seq = 2, number = 2 }, { seq = 9, number = 1 }, { seq = 3, number = 2 },
    } do
      fenced(await(j, "claim", { { seq = 3, number = 1 }, wrong }))
    end
    assert.same({ a = "done", b = "waiting", c = "waiting" }, states())
    for _, number in ipairs { 0, 65536, 1.5, "1" } do
      assert.error_matches(function() j:claim { { seq = 3, number = number } } end,
        "an attempt has one from 1 to 65535")
    end
  end)

  it("commits an attempt once, and only the live one", function()
    fenced(await(j, "finish", 1, 1, { state = "done" }))
    assert.is_true((attempt("a", 1, { state = "done", exit_code = 0 })))
    fenced(await(j, "finish", 1, 1, { state = "failed", exit_code = 1 }))
    fenced(await(j, "finish", 1, 2, { state = "failed" }))
    local r <close> = reader()
    assert.same({ 1, "done", 0 }, { #all(r:attempts(1)), all(r:attempts(1))[1].state,
      all(r:attempts(1))[1].exit_code })
  end)

  it("keeps a result as it was given", function()
    local result = {
      state = "retry", exit_code = 3, signal = 9, timed_out = true, oom_killed = false,
      duration_ms = 12.5, cpu_ms = 3, max_rss_kb = 4096, boot_ms = 700, backend = "tcg",
      started_ns = 5, ended_ns = 6, reason = "exit code 3",
      stdout = { bytes = 6, text = "hello\n", truncated = false, digest = "xxh128:00" },
      stderr = { bytes = 1 << 20, path = "stderr", truncated = true, digest = "xxh128:ff" },
      files = { { name = "out/a.png", bytes = 4 } },
    }
    assert.is_true((attempt("a", 1, result)))
    local r <close> = reader()
    local kept = all(r:attempts(1))[1]
    assert.is_true(kept.committed_ns >= kept.claimed_ns)
    kept.committed_ns, kept.claimed_ns = nil, nil
    assert.same({
      seq = 1, id = "a", number = 1, epoch = 1, state = "failed", exit_code = 3, signal = 9,
      timed_out = true, oom_killed = false, duration_ms = 12.5, cpu_ms = 3, max_rss_kb = 4096,
      boot_ms = 700, backend = "tcg", started_ns = 5, ended_ns = 6, reason = "exit code 3",
      stdout = { bytes = 6, truncated = false, digest = "xxh128:00" },
      stderr = { bytes = 1 << 20, path = "stderr", truncated = true, digest = "xxh128:ff" },
      files = { { name = "out/a.png", bytes = 4 } },
    }, kept)
    assert.same(result.stdout, r:output(1, 1, "stdout"))
    assert.same(result.stderr, r:output(1, nil, "stderr"))
    local job = all(r:jobs { id = "a" })[1]
    assert.same({ "retry", 1, "exit code 3" }, { job.state, job.attempts, job.reason })
  end)

  it("has a job wait again whose attempt was not its own fault", function()
    assert.is_true((attempt("a", 1, { state = "waiting", attempt_state = "cancelled" })))
    assert.is_true((attempt("b", 1, { state = "waiting" })))
    assert.same({ a = "waiting", b = "waiting", c = "waiting" }, states())
    local known = j:known { "a", "b" }
    assert.same({ 1, 0, 1, 0 }, { known.a.attempts, known.a.failures, known.b.attempts,
      known.b.failures })
    local r <close> = reader()
    assert.same({ "cancelled", "interrupted" }, { all(r:attempts(1))[1].state,
      all(r:attempts(2))[1].state })
  end)

  it("keeps outputs of any bytes up to 64 KiB", function()
    local bytes = ("\0\xff\n\27"):rep(16384)
    assert.is_true((attempt("a", 1, { state = "done", stdout = { bytes = #bytes, text = bytes },
      stderr = { bytes = 0, text = "" } })))
    local r <close> = reader()
    assert.equal(bytes, r:output(1, nil, "stdout").text)
    assert.same({ bytes = 0, text = "", truncated = false }, r:output(1, nil, "stderr"))
    assert(await(j, "claim", { { seq = 2, number = 1 } }))
    assert.error_matches(function()
      j:finish(2, 1, { state = "done", stderr = { bytes = 65537, text = bytes .. "x" } })
    end, "an output of 65537 bytes belongs into a file")
    assert.is_true((await(j, "finish", 2, 1, { state = "done" })))
    assert.is_nil(r:output(2, 1, "stdout"))
    assert.error_matches(function() r:output(1, 1, "stdin") end, "no stream")
  end)

  it("takes no states for an end that are none", function()
    for _, wrong in ipairs { { state = "running" }, {}, { state = "skipped" },
      { state = "done", attempt_state = "claimed" } } do
      assert.error_matches(function() j:finish(1, 1, wrong) end, "no attempt ends as")
    end
  end)

  it("releases what was claimed and has not started", function()
    attempt("a", 1, { state = "retry" })
    assert(await(j, "claim", { { seq = 1, number = 2 }, { seq = 2, number = 1 } }))
    assert(await(j, "release", { { seq = 1, number = 2 }, { seq = 2, number = 1 } }))
    assert.same({ a = "retry", b = "waiting", c = "waiting" }, states())
    assert.is_true((attempt("a", 2, { state = "done" })))
    assert(await(j, "claim", { { seq = 2, number = 1 } }))
    j:started(2, 1, { pid = 1 })
    fenced(await(j, "release", { { seq = 2, number = 1 } }))
  end)

  it("knows what an earlier run has left, and has it run again", function()
    attempt("c", 1, { state = "failed" })
    assert(await(j, "claim", { { seq = 1, number = 1, slot = 1 }, { seq = 2, number = 1 },
      { seq = 3, number = 2 } }))
    j:started(1, 1, { pid = 77, pid_start = "88" })
    j:close()
    j = assert(journal.open(place.path))
    local left = {
      { seq = 1, id = "a", number = 1, state = "running", pid = 77, pid_start = "88", slot = 1,
        epoch = 1 },
      { seq = 2, id = "b", number = 1, state = "claimed", epoch = 1 },
      { seq = 3, id = "c", number = 2, state = "claimed", epoch = 1 },
    }
    assert.same(left, j:interrupted())
    assert(j:begin_run(journals.RUN))
    assert.same(left, j:interrupted())
    fenced(await(j, "finish", 1, 1, { state = "done" }))
    assert(await(j, "interrupt_all"))
    assert.same({}, j:interrupted())
    assert.same({ a = "waiting", b = "waiting", c = "waiting" }, states())
    local known = j:known { "a", "c" }
    assert.same({ 1, 0, 2, 1 }, { known.a.attempts, known.a.failures, known.c.attempts,
      known.c.failures })
    assert.is_true((attempt("a", 2, { state = "done" })))
    assert.same({}, j:interrupted())
  end)

  -- ---- who is told ------------------------------------------------------------------------------

  it("tells in the order of the calls, in the loop, and when it is durable", function()
    local told = {}
    for i = 1, 50 do
      j:add({ { id = "more" .. i } }, function(ok)
        assert.is_true(ok)
        assert.is_table(j:known({ "more" .. i })["more" .. i])
        told[i] = true
        assert.equal(i, #told)
      end)
    end
    assert.equal(0, #told)
    assert(j:flush())
    assert.equal(50, #told)
  end)

  it("does many things for one flush of the disk", function()
    local units, commits = j:commits()
    for i = 1, 400 do j:add { { id = "more" .. i } } end
    assert(j:flush())
    local units_now, commits_now = j:commits()
    assert.equal(400, units_now - units)
    assert.is_true(commits_now - commits < 200, commits_now - commits)
  end)

  it("tells the others when one raises who is told", function()
    local told = 0
    j:add({ { id = "x" } }, function() error "mine" end)
    j:add({ { id = "y" } }, function() told = told + 1 end)
    assert.error_matches(function() j:flush() end, "mine")
    assert(j:flush())
    assert.equal(1, told)
  end)

  it("flushes what was queued before, and says what of it failed", function()
    assert.is_true(j:flush())
    j:add { { id = "d" } }
    j:settle({ 99 }, "skipped")
    local ok, why = j:flush()
    assert.is_nil(ok)
    assert.is_true(why.fenced)
    assert.is_true(j:flush())
    assert.equal("waiting", states().d)
  end)

  it("lets a task be called off that waits for a flush", function()
    kavach.run(function()
      for i = 1, 100 do j:add { { id = "more" .. i } } end
      local waits = kavach.spawn(function() j:flush() end)
      waits:cancel()
      assert.is_nil((waits:await()))
    end)
    assert.is_true(j:flush())
  end)

  it("writes what is queued when it is closed, and tells", function()
    local told = 0
    local function tell(ok) told = told + (ok and 1 or 0) end
    for i = 1, 100 do j:add({ { id = "more" .. i } }, tell) end
    j:close()
    j:close()
    assert.equal(0, told)
    assert.equal("waiting", states().more100)
    assert.is_true(host.eventually(function() return told == 100 end))
    assert.error_matches(function() j:add { { id = "z" } } end, "the journal is closed")
  end)

  it("keeps a program going as long as something is on its way, and no longer", function()
    local code, out, errors = host.script(([[
      local journal = require "kavach.batch.journal"
      local j = assert(journal.open(%q))
      assert(j:begin_run { pid = 1, start = "1", boot_id = "b", jobs = 1 })
      local task = require "kavach.task"
      task.wait(function(done) j:add({ { id = "x" } }, function(ok) print(ok) done() end) end)
      print(pcall(task.wait, function() end)) -- nothing can happen any more
    ]]):format(place.path))
    assert.equal("", errors)
    assert.equal(0, code)
    assert.matches("^true\nfalse\tdeadlock", out)
  end)
end)
