local batch = require "support.batch_watch"
local json = require "kavach.json"
local lines = require "kavach.cli.batch.lines"

local BEGIN <const> = { event = "begin", batch = "thumbnails", jobs = 4, total = 200,
  finished = 35 }

--- What these events are told as.
local function told(options, ...)
  options.out = batch.sink()
  local display <close> = lines.open(options)
  for _, e in ipairs { ... } do display:event(e) end
  return options.out:text()
end

describe("off a terminal, a batch", function()
  it("is told in lines: one for each job that ends", function()
    assert.equal([[
kavach: batch thumbnails: begins: 200 jobs, 35 of them ended before, 4 at a time
kavach: batch thumbnails: 36/200 done  a.png  (0.3 s)
kavach: batch thumbnails: 36/200 retry  b.png: exit code 3, again in 2.0 s  (attempt 1)
kavach: batch thumbnails: 37/200 failed  b.png: its time was up  (1m 00s, attempt 2)
kavach: batch thumbnails: 38/200 skipped  index: b.png failed
kavach: batch thumbnails: draining: interrupted
kavach: batch thumbnails: 39/200 cancelled  c.png: interrupted  (3.2 s, attempt 1)
kavach: batch thumbnails: finished: 36 done, 1 failed, 1 skipped, 161 left in 2m 10s (signal 2)
]], told({}, BEGIN, { event = "started", job = "a.png" },
      batch.ended("a.png", "done", { result = { duration_ms = 312 } }),
      batch.ended("b.png", "retry", { retry_ms = 2000 }),
      batch.ended("b.png", "failed", { attempt = 2,
        result = { exit_code = -1, timed_out = true, duration_ms = 60000 } }),
      { event = "skipped", job = "index", reason = "b.png failed" },
      { event = "draining", why = "interrupted" },
      batch.ended("c.png", "cancelled", { reason = "interrupted" }),
      { event = "finished", duration_ms = 130000, ending = "signal 2", exit_code = 130,
        counts = { done = 36, failed = 1, skipped = 1, waiting = 161 } }))
  end)

  it("has its number of jobs from when that is known", function()
    local text = told({}, { event = "begin", batch = "b", jobs = 2 }, batch.ended("1", "done"),
      { event = "total", total = 2 }, batch.ended("2", "done"))
    assert.matches("b: 1 done  1 .*b: 2/2 done  2 ", text)
  end)

  it("that is to be quiet tells failures, trouble and the end", function()
    local text = told({ quiet = true }, BEGIN, batch.ended("a", "done"), batch.ended("b", "retry"),
      { event = "skipped", job = "i" }, { event = "paused" }, { event = "jobs", jobs = 2 },
      batch.ended("b", "failed"), { event = "trouble", message = "no space left" },
      { event = "finished", counts = { done = 1, failed = 1 }, duration_ms = 100 })
    assert.equal([[
kavach: batch thumbnails: 38/200 failed  b: exit code 3  (3.2 s, attempt 1)
kavach: batch thumbnails: no space left
kavach: batch thumbnails: finished: 1 done, 1 failed in 0.1 s
]], text)
  end)

  it("keeps to one line whatever a job is called", function()
    local text = told({}, batch.ended("a\nkavach: batch b: 1 done\27[2J\xff", "failed",
      { reason = "x\ny" }))
    assert.equal("kavach: batch : 1 failed  a\\x0akavach: batch b: 1 done\\x1b[2J\\xff: x\\x0ay"
      .. "  (3.2 s, attempt 1)\n", text)
  end)

  it("is told as JSON lines with --log-format json", function()
    local list = {}
    for line in told({ log_format = "json" }, BEGIN,
      batch.ended("a\xff", "failed", { attempt = 2, reason = "exit code 3" })):gmatch "[^\n]+" do
      list[#list + 1] = assert(json.decode(line))
    end
    assert.same({ "info", "error" }, { list[1].level, list[2].level })
    assert.same({ level = "error", event = "ended", batch = "thumbnails", state = "failed",
      job = "a\\xff", job_base64 = "Yf8=", attempt = 2, reason = "exit code 3", exit_code = 3,
      duration_ms = 3200,
      message = "batch thumbnails: 36/200 failed  a\\xff: exit code 3  (3.2 s, attempt 2)",
    }, list[2])
  end)
end)
