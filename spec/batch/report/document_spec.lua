local document = require "kavach.batch.report.document"
local json = require "kavach.json"
local reader = require "support.batch_reader"

local function report(r, options)
  local pieces = {}
  assert(document.report(r, function(piece) pieces[#pieces + 1] = piece end, options))
  return assert(json.decode(table.concat(pieces)))
end

describe("the JSON document of a batch", function()
  local function example()
    return reader.new { jobs = {
      { id = "a", spec = { command = { "echo", "a b" } }, attempts = {
        { from = 0, to = 1, state = "failed", exit_code = 2 },
        { from = 1, to = 2, stdout = { text = "hello", digest = "xxh128:1" },
          stderr = { path = "1.stderr", bytes = 70000, truncated = true } } } },
      { id = "\xff", state = "failed", attempts = { { from = 0, to = 2, state = "failed",
        exit_code = 137, signal = 9 } } },
      { id = "c", state = "running", attempts = { { from = 1, state = "running", slot = 2 } } },
      { id = "d", tag = "x", state = "skipped", reason = "it needs 'b', which failed" },
    } }
  end

  it("has the batch, the counts, the runs, and each job with its attempts", function()
    local it = report(example())
    assert.equal(1, it.version)
    assert.same({ name = "thumbnails", uuid = "9d0b3cde-0000-4000-8000-000000000000",
      form = "command", created_at = "2026-11-29T15:00:00.000Z", source = { folder = "/home/a" } },
      it.batch)
    assert.same({ total = 4, waiting = 0, running = 1, retry = 0, done = 1, failed = 1, skipped = 1,
      cancelled = 0 }, it.counts)
    assert.same({ 1, "done", 4 }, { it.runs[1].run, it.runs[1].ending, it.runs[1].jobs })
    assert.equal(4, #it.jobs)
    local a = it.jobs[1]
    assert.same({ "a", "done", "echo 'a b'", "", 2 },
      { a.id, a.state, a.command, a.tag, #a.attempts })
    assert.same({ "failed", 2, 1000 },
      { a.attempts[1].state, a.attempts[1].exit_code, a.attempts[1].duration_ms })
    assert.same({ bytes = 5, truncated = false, digest = "xxh128:1" }, a.attempts[2].stdout)
    assert.same({ "\\xff", "/w==", 9, json.null }, { it.jobs[2].id, it.jobs[2].id_base64,
      it.jobs[2].attempts[1].signal, it.jobs[2].command })
    assert.same({ 0, "it needs 'b', which failed" }, { #it.jobs[4].attempts, it.jobs[4].reason })
  end)

  it("has outputs if they are asked for", function()
    local second = report(example(), { outputs = true }).jobs[1].attempts[2]
    assert.same({ bytes = 5, truncated = false, digest = "xxh128:1", text = "hello",
      path = json.null }, second.stdout)
    assert.same({ "1.stderr", true }, { second.stderr.path, second.stderr.truncated })
  end)

  it("has of the status what failed and what runs", function()
    local it = document.status(example())
    assert(json.encode(it))
    assert.same({ 1, 1, 1 }, { it.failures_total, #it.failures, #it.running })
    assert.same({ "\\xff", "killed by signal 9 (SIGKILL)", 137 },
      { it.failures[1].id, it.failures[1].reason, it.failures[1].attempt.exit_code })
    assert.same({ "c", 2, json.null },
      { it.running[1].id, it.running[1].attempt.slot, it.running[1].attempt.duration_ms })
    assert.is_nil(it.jobs)
  end)

  it("has at most 100 failures in the status", function()
    local jobs = {}
    for i = 1, 150 do jobs[i] = { id = "j" .. i, state = "failed" } end
    local it = document.status(reader.new { jobs = jobs })
    assert.same({ 150, 100 }, { it.failures_total, #it.failures })
  end)

  it("tells a run that died from one that goes on", function()
    local file <close> = assert(io.open("/proc/self/stat", "rb"))
    local pid, start = file:read("a"):match("^(%d+) .*%) " .. ("%S+ "):rep(19) .. "(%d+)")
    local boot <close> = assert(io.open("/proc/sys/kernel/random/boot_id", "rb"))
    local run = { epoch = 1, pid = tonumber(pid), start = tonumber(start), boot_id = boot:read "l",
      began_ns = reader.BEGAN }
    local dead = { epoch = 2, pid = run.pid, start = run.start + 1, boot_id = run.boot_id,
      began_ns = reader.BEGAN }
    local earlier = { epoch = 3, pid = run.pid, start = run.start, boot_id = "of another boot",
      began_ns = reader.BEGAN }
    local it = document.status(reader.new { runs = { run, dead, earlier } })
    assert.same({ "running", "died", "died", json.null },
      { it.runs[1].ending, it.runs[2].ending, it.runs[3].ending, it.runs[1].ended_at })
  end)

  it("is written piece by piece", function()
    local jobs = {}
    for i = 1, 3000 do jobs[i] = { id = "j" .. i, attempts = { { from = 0, to = 1 } } } end
    local r, most = reader.new { jobs = jobs }, 0
    assert(document.report(r, function(piece) most = math.max(most, #piece) end))
    assert.is_true(most < 2000)
  end)
end)
