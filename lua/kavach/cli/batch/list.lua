--- `kavach batch list`: the batches that have a journal.

local tables = require "kavach.cli.table"
local words = require "kavach.cli.batch.words"

local HEAD <const> = { "NAME", "STATE", "ENDED", "FAILED", "AGE" }

local function configure(parser)
  parser:description "List the batches of this user, by name."
  parser:epilog [[
ENDED is how many of the jobs have come to their end, AGE how long ago the last run began.
A batch whose process died, or that was interrupted, goes on with kavach batch resume.

Exit codes: 0; 1 if a journal cannot be read; 64 usage.

Examples:
   kavach batch list
   kavach batch list --json]]
end

local function begun_ms(facts)
  local began = facts.run and facts.run.began_ns
  return began and (require("kavach.core").wall_clock() - began) // 1000000 or nil
end

local function row(name, facts)
  local counts, ms = facts.snapshot.counts, begun_ms(facts)
  local ended = words.ended(counts)
  return { name, facts.state, counts.total and ("%d/%d"):format(ended, counts.total)
    or ("%d"):format(ended), ("%d"):format(counts.failed or 0), ms and tables.age(ms) or "-" }
end

local function document(name, facts)
  local null = require("kavach.json").null
  local counts = {}
  for key, value in next, facts.snapshot.counts do counts[key] = value end
  counts.total = counts.total or null
  return { name = name, state = facts.state, counts = counts,
    pid = facts.state == "running" and facts.run.pid or null,
    began_ms = facts.run and facts.run.began_ns // 1000000 or null,
    ended_ms = facts.run and facts.run.ended_ns and facts.run.ended_ns // 1000000 or null }
end

-- The facts of each that can be read, and what is wrong with the others.
local function look_at(names)
  local found, failures = {}, {}
  for _, name in ipairs(names) do
    local standing <close>, why = require("kavach.cli.batch.standing").open(name)
    local facts
    if standing then facts, why = standing:look() end
    if facts then
      found[#found + 1] = { name = name, facts = facts }
    else
      failures[#failures + 1] = { name = name, message = tostring(why) }
    end
  end
  return found, failures
end

local function print_json(found, failures)
  local json = require "kavach.json"
  local list = json.array()
  for i, each in ipairs(found) do list[i] = document(each.name, each.facts) end
  local text, why = json.encode { version = 1, batches = list, failed = json.array(failures) }
  if not text then return nil, why end
  io.stdout:write(text, "\n")
  return true
end

local function run(args)
  local names, why = require("kavach.batch.place").list()
  if not names then return nil, why end
  local found, failures = look_at(names)
  for _, failure in ipairs(failures) do
    require("kavach.cli").complain(("batch list: %s: %s"):format(failure.name, failure.message))
  end
  if args.json then
    local ok
    ok, why = print_json(found, failures)
    if not ok then return nil, why end
  else
    local rows = { HEAD }
    for _, each in ipairs(found) do rows[#rows + 1] = row(each.name, each.facts) end
    tables.print(rows)
  end
  return #failures > 0 and 1 or 0
end

return {
  summary = "List the batches.",
  configure = configure,
  tells_failure = true,
  run = run,
}
