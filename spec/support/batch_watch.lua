--- What a batch's schedule and journal would say, made up: for specs of what shows it.

local err = require "kavach.err"

local M = {}

--- A clock that stands still until it is moved, and its timers.
function M.clock()
  local clock = { at = 0, timers = {} }

  function clock.now() return clock.at end

  function clock.timer(ms, fn)
    local timer = { due = clock.at + ms, fn = fn }
    function timer:close() clock.timers[self] = nil end
    clock.timers[timer] = true
    return timer
  end

  local function soonest(last)
    local first
    for timer in next, clock.timers do
      if timer.due <= last and (not first or timer.due < first.due) then first = timer end
    end
    return first
  end

  --- Lets so much time pass.
  function clock.pass(ms)
    local last = clock.at + ms
    for timer in function() return soonest(last) end do
      clock.timers[timer] = nil
      clock.at = math.max(clock.at, timer.due)
      timer.fn()
    end
    clock.at = last
  end

  return clock
end

--- A snapshot of so many running jobs.
function M.snapshot(total, fields)
  local snapshot = {
    batch = "thumbnails", jobs = 4, running = {},
    counts = { done = 0, failed = 0, retry = 0, running = 0, waiting = total, skipped = 0,
      cancelled = 0, total = total },
  }
  for key, value in next, fields or {} do snapshot[key] = value end
  return snapshot
end

--- An event that a job has ended.
function M.ended(job, state, fields)
  local e = { event = "ended", job = job, seq = 1, attempt = 1, slot = 1, tag = "", state = state,
    command = "convert x", time_ns = 1700000000123456789,
    result = { exit_code = state == "done" and 0 or 3, duration_ms = 3200,
      stdout = { bytes = 0, text = "" }, stderr = { bytes = 0, text = "" } } }
  for key, value in next, fields or {} do e[key] = value end
  return e
end

--- What takes what is written: a Writer that keeps it.
function M.sink()
  local sink = { parts = {} }
  function sink:write(bytes)
    if self.lost then return nil, self.lost end
    self.parts[#self.parts + 1] = bytes
    return true
  end
  function sink.unsent() return 0 end
  function sink.wait() return true end
  function sink:text() return table.concat(self.parts) end
  return sink
end

-- ---- journals ----------------------------------------------------------------------------------

local function list_iterator(list)
  local i = 0
  return function()
    i = i + 1
    return list[i]
  end
end

--- A reader of a journal with these `jobs`, each with its `tries`, and `runs`.
function M.reader(contents)
  local reader = {}
  function reader.about() return { name = contents.name, uuid = "u", form = "script" } end
  function reader.runs()
    if contents.damaged then return err.fail("io", "the journal is damaged") end
    return contents.runs or {}
  end
  function reader.counts()
    local counts = { total = #contents.jobs, waiting = 0, running = 0, retry = 0, done = 0,
      failed = 0, skipped = 0, cancelled = 0 }
    for _, job in ipairs(contents.jobs) do counts[job.state] = counts[job.state] + 1 end
    return counts
  end
  function reader.jobs(_, wanted)
    local list = {}
    for i, job in ipairs(contents.jobs) do
      job.seq = i
      if (not wanted.state or wanted.state == job.state) and (not wanted.id or wanted.id == job.id)
        and #list < (wanted.limit or math.huge) then
        list[#list + 1] = job
      end
    end
    return list_iterator(list)
  end
  function reader.attempts(_, seq)
    local list = {}
    for i, try in ipairs(contents.jobs[seq].tries or {}) do
      try.number, try.seq = i, seq
      list[i] = try
    end
    return list_iterator(list)
  end
  function reader.output(_, seq, number, name)
    local try = contents.jobs[seq].tries[number or #contents.jobs[seq].tries]
    return try and try[name .. "_output"]
  end
  function reader.close() end
  return reader
end

local REPLACED <const> = { "kavach.batch.place", "kavach.batch.journal",
  "kavach.batch.report.document" }

--- Puts stand-ins for the journals' modules in place, with these batches by name; what undoes it.
function M.journals(batches)
  local before = {}
  for _, name in ipairs(REPLACED) do before[name] = package.loaded[name] end
  local opened
  package.loaded["kavach.batch.place"] = {
    existing = function(name)
      opened = name
      return { name = name, db = "DB", out = "/tmp" }
    end,
    list = function()
      local names = {}
      for name in next, batches do names[#names + 1] = name end
      table.sort(names)
      return names
    end,
  }
  package.loaded["kavach.batch.journal"] = {
    reader = function() return M.reader(batches[opened]) end,
  }
  package.loaded["kavach.batch.report.document"] = {
    status = function(r) return { version = 1, counts = r:counts() } end,
  }
  return function()
    for _, name in ipairs(REPLACED) do package.loaded[name] = before[name] end
  end
end

--- Runs an action of `kavach batch` in this process: its exit code, what it printed, and its error.
function M.action(name, ...)
  local options = require "kavach.cli.options"
  local action = require("kavach.cli.batch." .. name)
  local args = assert(options.parse(options.parser("kavach batch " .. name, action.configure),
    { ... }))
  local stdout, stderr = io.stdout, io.stderr
  local out, errors = assert(io.tmpfile()), assert(io.tmpfile())
  io.stdout, io.stderr = out, errors -- luacheck: ignore 122
  local fine, code, why = pcall(action.run, args)
  io.stdout, io.stderr = stdout, stderr -- luacheck: ignore 122
  assert(fine, code)
  out:seek "set"
  errors:seek "set"
  return code, out:read "a", errors:read "a", why
end

return M
