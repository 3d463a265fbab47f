--- A stand-in of a journal's reader (kavach.batch.journal.reader) with the same functions, over
--- tables: for specs of reports, which need journals of all kinds and sizes.

local M = {}

local STATES <const> = {
  "waiting", "running", "retry", "done", "failed", "skipped", "cancelled",
}

local Reader = {}
Reader.__index = Reader

M.SECOND = 1000000000
--- 2026-11-29 15:00:00 UTC
M.BEGAN = 1795964400 * M.SECOND

function Reader:about() return self.given.about end

function Reader:runs() return self.given.runs end

function Reader:counts()
  local counts = { total = #self.given.jobs }
  for _, state in ipairs(STATES) do counts[state] = 0 end
  for _, job in ipairs(self.given.jobs) do counts[job.state] = counts[job.state] + 1 end
  return counts
end

-- A list's items that are wanted, each shown as the journal would.
local function iterate(list, wanted, limit, show)
  local at, given = 0, 0
  return function()
    while at < #list and given ~= limit do
      at = at + 1
      if wanted(list[at]) then
        given = given + 1
        return show(list[at])
      end
    end
  end
end

local function without(from, ...)
  local out = {}
  for key, value in pairs(from) do out[key] = value end
  for _, key in ipairs { ... } do out[key] = nil end
  return out
end

function Reader:jobs(filter)
  filter = filter or {}
  return iterate(self.given.jobs, function(job)
    return (not filter.state or job.state == filter.state)
      and (not filter.id or job.id == filter.id)
  end, filter.limit, function(job)
    local out = without(job, "attempts")
    out.attempts = #job.attempts
    return out
  end)
end

local function facts_of(output)
  return output and without(output, "text", "path")
end

function Reader:attempts(seq)
  return iterate(self.all, function(attempt) return not seq or attempt.seq == seq end, nil,
    function(attempt)
      local out = without(attempt, "stdout", "stderr")
      out.stdout, out.stderr = facts_of(attempt.stdout), facts_of(attempt.stderr)
      return out
    end)
end

function Reader:output(seq, number, which)
  local attempts = self.given.jobs[seq] and self.given.jobs[seq].attempts or {}
  local attempt = attempts[number or #attempts]
  return attempt and attempt[which]
end

function Reader:close() self.closed = true end
Reader.__close = Reader.close

local function fill_output(output)
  if output and output.text then output.bytes = output.bytes or #output.text end
  return output
end

--- `given`: { about, runs, jobs = { { id, state = "done", attempts = { { … as r:attempts, with
--- stdout and stderr } } } } }; what is missing is filled in. `from`, `to`: seconds after BEGAN.
function M.new(given)
  given = given or {}
  local last = M.BEGAN + M.SECOND
  given.jobs = given.jobs or {}
  local all = {}
  for seq, job in ipairs(given.jobs) do
    job.seq, job.tag, job.state = seq, job.tag or "", job.state or "done"
    job.attempts = job.attempts or {}
    for number, attempt in ipairs(job.attempts) do
      attempt.seq, attempt.id, attempt.number = seq, job.id, number
      attempt.epoch, attempt.state = attempt.epoch or 1, attempt.state or "done"
      attempt.slot = attempt.slot or 1
      local from, to = attempt.from, attempt.to
      attempt.started_ns = from and M.BEGAN + math.floor(from * M.SECOND) or attempt.started_ns
      attempt.ended_ns = to and M.BEGAN + math.floor(to * M.SECOND) or attempt.ended_ns
      if from and to then attempt.duration_ms = math.floor((to - from) * 1000 + 0.5) end
      attempt.exit_code = attempt.exit_code or attempt.ended_ns and 0 or nil
      fill_output(attempt.stdout)
      fill_output(attempt.stderr)
      last = math.max(last, attempt.ended_ns or 0)
      all[#all + 1] = attempt
      job.changed_ns = attempt.ended_ns
    end
  end
  given.about = given.about or {
    name = "thumbnails", uuid = "9d0b3cde-0000-4000-8000-000000000000", form = "command",
    source = { folder = "/home/a" }, created_ns = M.BEGAN, version = 1,
  }
  given.runs = given.runs or {
    { epoch = 1, pid = 4711, start = 99, boot_id = "b", jobs = 4, began_ns = M.BEGAN,
      ended_ns = last, ending = "done" },
  }
  return setmetatable({ given = given, all = all }, Reader)
end

return M
