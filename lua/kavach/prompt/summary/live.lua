--- What runs, and what has failed: sandboxes, processes, tasks, batches, pools, errors. Nothing is
--- asked of them: their fields say how they stand.

local core = require "kavach.core"
local fields = require "kavach.prompt.summary.fields"
local tables = require "kavach.cli.table"
local words = require "kavach.cli.batch.words"

local M = {}

local raw, text, list, number = fields.raw, fields.text, fields.list, fields.number

local getmetatable <const> = debug.getmetatable
local MESSAGE_MOST <const> = 1000

local function age(since)
  return math.type(since) == "integer" and tables.age(math.max(core.now() - since, 0)) or nil
end

local function named(name)
  return type(name) == "string" and (" %s"):format(text(name)) or ""
end

-- ---- errors ------------------------------------------------------------------------------------

M.error = { style = "bad" }

function M.error.line(e)
  local op = raw(e, "op")
  return ("error %s: %s%s"):format(text(raw(e, "kind")), text(raw(e, "message"), MESSAGE_MOST),
    type(op) == "string" and (" [%s]"):format(text(op)) or "")
end

-- ---- sandboxes ---------------------------------------------------------------------------------

M.sandbox = {}

local function sandbox_state(box)
  local vm = raw(box, "vm")
  local state, cause = text(raw(vm, "state") or "not started"), raw(vm, "cause")
  local why = state == "stopped" and raw(cause, "message")
  return why and ("%s (%s)"):format(state, text(why)) or state
end

local function sandbox_head(box)
  return ("sandbox %s%s: %s"):format(text(raw(box, "id") or "without an id"),
    named(raw(box, "name")), sandbox_state(box))
end

M.sandbox.line = sandbox_head

function M.sandbox.text(box, options)
  local vm, config = raw(box, "vm"), raw(box, "config")
  local ended = raw(vm, "state") == "destroyed" or raw(vm, "state") == "stopped"
  local since = age(raw(vm, "started"))
  local booted = number("booted in %s ms", raw(vm, "boot_ms"))
  local rest = list({
    text(raw(box, "backend")), raw(box, "confidential") == true and "confidential"
      or "not confidential",
    number(raw(config, "cpu_limit") == 1 and "%s CPU" or "%s CPUs", raw(config, "cpu_limit")),
    number("%s MiB", raw(config, "memory_limit_mb")),
    since and ("started %s ago"):format(since), booted,
  }, 6)
  return ("%s\n  %s"):format(options.paint(sandbox_head(box), ended and "dim" or "object"), rest)
end

-- ---- processes ---------------------------------------------------------------------------------

M.process = {}

local function event_values(event)
  local values = raw(event, "values")
  if type(values) == "table" then return rawget(values, 1), rawget(values, 2), true end
end

local function process_state(process)
  local result, e, is_set = event_values(raw(process, "ended"))
  if not is_set then return "running" end
  local signal, code = raw(result, "signal"), raw(result, "exit_code")
  if signal then return ("ended by signal %s"):format(text(signal)) end
  if code then return ("ended with exit code %s"):format(text(code)) end
  return ("ended: %s"):format(text(raw(e, "message")))
end

function M.process.line(process)
  local pid = event_values(raw(process, "number"))
  return ("process%s %s: %s"):format(pid and (" %s"):format(text(pid)) or "",
    text(raw(raw(process, "argv"), 1)), process_state(process))
end

-- ---- tasks -------------------------------------------------------------------------------------

M.task = {}

local function task_state(task)
  local cancelled = raw(task, "cancelled")
  if not raw(task, "done") then return cancelled and "being cancelled" or "waiting" end
  if raw(task, "ok") then return "ended" end
  if cancelled then return "cancelled" end
  local failure = raw(raw(task, "results"), 1)
  local message = type(failure) == "table" and raw(failure, "message") or failure
  return ("failed: %s"):format(text(message))
end

function M.task.line(task)
  local order = raw(task, "number")
  if not order then return "task: the main thread" end
  local since = age(raw(task, "started"))
  return ("task %s: %s%s"):format(text(order), task_state(task),
    since and (", spawned %s ago"):format(since) or "")
end

-- ---- batches and pools -------------------------------------------------------------------------

M.batch = {}

local STATES <const> = {
  "done", "failed", "skipped", "cancelled", "waiting", "running", "retry",
}

local function tally(counts)
  local copy = {}
  for _, state in ipairs(STATES) do
    local count = raw(counts, state)
    copy[state] = math.type(count) == "integer" and count or nil
  end
  return words.tally(copy)
end

local function batch_state(batch)
  local schedule, last = raw(batch, "schedule"), raw(batch, "last")
  if schedule and rawequal(getmetatable(schedule), require("kavach.batch.schedule").class) then
    local how = raw(schedule, "stopping") and "ending" or raw(schedule, "paused") and "paused"
    return ("%s: %s"):format(how or "running", tally(schedule:tally()))
  end
  if last then
    return ("last run %s: %s"):format(text(raw(last, "ending")), tally(raw(last, "counts")))
  end
  return "not run by this process"
end

function M.batch.line(batch)
  local jobs = raw(batch, "list")
  local count = raw(batch, "generator") and "jobs of a generator"
    or ("%s jobs"):format(words.count(rawlen(jobs)))
  return ("batch%s: %s, %s"):format(named(raw(batch, "name")), count, batch_state(batch))
end

M.pool = {}

function M.pool.line(pool)
  local failed = raw(pool, "failed")
  return ("pool: %s"):format(list({
    raw(pool, "closed") and "closed", number("%s are to wait", raw(pool, "size")),
    ("%d ready"):format(rawlen(raw(pool, "waiting"))),
    number("%s starting", raw(pool, "starting")),
    failed and ("the last start failed: %s"):format(text(raw(failed, "message"))),
  }, 5))
end

return M
