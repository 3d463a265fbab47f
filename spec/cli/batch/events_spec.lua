local batch = require "support.batch_watch"
local events = require "kavach.cli.batch.events"
local json = require "kavach.json"

--- The documents that these events are written as.
local function told(...)
  local out, list = batch.sink(), {}
  local writer <close> = events.open { out = out }
  for _, e in ipairs { ... } do writer:event(e) end
  for line in out:text():gmatch "[^\n]*\n" do list[#list + 1] = assert(json.decode(line)) end
  return table.unpack(list)
end

describe("a batch's events as JSON", function()
  it("begin with the version of their schema", function()
    local begin, total = told(
      { event = "begin", time_ns = 1700000000123456789, batch = "b", finished = 3, jobs = 4,
        epoch = 2 },
      { event = "total", total = 10, time_ns = 1 })
    assert.same({ event = "begin", version = 1, time_ms = 1700000000123, batch = "b", jobs = 4,
      total = json.null, finished = 3, epoch = 2 }, begin)
    assert.same({ event = "total", total = 10, time_ms = 0 }, total)
  end)

  it("have what an attempt came to, as an ExecResult has it", function()
    local e = told(batch.ended("a", "failed", { reason = "exit code 3", result = {
      exit_code = 3, duration_ms = 12, cpu_ms = 3, max_rss_kb = 100, timed_out = false,
      stdout = { bytes = 2, text = "\xff\n", digest = "xxh128:00" },
      stderr = { bytes = 100000, path = "/x/a.err", truncated = true, digest = "xxh128:01" },
      files = { { name = "a.png", bytes = 3 } },
    } }))
    local null <const> = json.null
    assert.same({
      event = "ended", time_ms = 1700000000123, job = "a", seq = 1, attempt = 1, slot = 1, tag = "",
      command = "convert x", state = "failed", reason = "exit code 3", retry_ms = null,
      exit_code = 3, signal = null, timed_out = false, oom_killed = false, duration_ms = 12,
      cpu_ms = 3, max_rss_kb = 100, boot_ms = null, backend = null,
      stdout = "/wo=", stdout_encoding = "base64", stdout_path = null, stdout_bytes = 2,
      stdout_truncated = false, stdout_digest = "xxh128:00",
      stderr = null, stderr_encoding = null, stderr_path = "/x/a.err", stderr_bytes = 100000,
      stderr_truncated = true, stderr_digest = "xxh128:01",
      files = { { name = "a.png", bytes = 3 } },
    }, e)
  end)

  it("have the same fields whatever has a value", function()
    local full = told(batch.ended("a", "done"))
    local bare = told { event = "ended", job = "a", state = "failed" }
    local function names(document)
      local list = {}
      for name in next, document do list[#list + 1] = name end
      table.sort(list)
      return list
    end
    assert.same(names(full), names(bare))
  end)

  it("have ids that are no UTF-8 escaped, and exactly", function()
    local e = told { event = "skipped", job = "a\xff\0", seq = 7, reason = "é" }
    assert.same({ event = "skipped", time_ms = json.null, seq = 7, job = "a\\xff\\x00",
      job_base64 = "Yf8A", reason = "é" }, e)
  end)

  it("are what kavach.json would make of them", function()
    for _, job in ipairs { "plain", 'a"\\\n\127', "é\u{2028}", "\xff", "a" } do
      local out = batch.sink()
      local e = batch.ended(job, "failed", { reason = job, result = { duration_ms = 1.5 } })
      events.open { out = out }:event(e)
      assert.equal(assert(json.encode(events.document(e))) .. "\n", out:text())
    end
  end)

  it("are of known kinds alone", function()
    for _, kind in ipairs { "paused", "continued", "jobs", "draining", "cancelling", "warning",
      "trouble", "finished", "started" } do
      assert.equal(kind, told({ event = kind }).event)
    end
    assert.error_matches(function() told { event = "other" } end, "there is no event 'other'")
  end)
end)
