--- `kavach batch logs`: what jobs have printed.

local encoded = require "kavach.cli.batch.encoded"
local err = require "kavach.err"
local words = require "kavach.cli.batch.words"

local FOLLOW_MS <const> = 500
local LAST_LINES <const> = 10
local PIECE <const> = 64 * 1024

local function configure(parser)
  parser.interleaved = true
  parser:description "Show what a job has printed, or the last lines of all that failed."
  parser:argument("name", "The batch, as kavach batch list shows it.")
  parser:argument("job", "The job's id; without one, the failed jobs."):args "?"
  parser:flag("-f --follow", "Go on until the job has ended; without one, the batch.")
  parser:flag("--stdout", "Its standard output alone.")
  parser:flag("--stderr", "Its standard error alone, on standard output.")
  parser:option("--attempt", "Which of its attempts (default: the last).")
    :argname "N":convert(require("kavach.cli.options").integer(1, math.maxinteger))
  parser:epilog [[
An attempt's output is there once it is committed. Standard output and standard error go
to ours. On a terminal what could move its cursor is escaped; elsewhere the bytes are as
they came. --json prints a document for each attempt that is shown, one a line.

Exit codes: 0; 1 if there is no such batch, job or output; 64 usage.

Examples:
   kavach batch logs thumbnails
   kavach batch logs thumbnails frames/0012.png --stderr
   kavach batch logs thumbnails index -f]]
end

-- ---- writing -----------------------------------------------------------------------------------

-- What makes bytes fit for the file that they go to, and what names things.
local function styles_of(file, fd)
  local style_module = require "kavach.cli.batch.style"
  local style = style_module.read()
  local terminal = require("kavach.core").isatty(fd)
  if not terminal then style = style_module.new(false, false, style.unicode) end
  return { file = file, style = style, terminal = terminal }
end

local function copy(to, text) return to.file:write(to.terminal and to.style:lines(text) or text) end

-- A large one is copied in pieces, on a terminal in whole lines.
local function copy_file(to, path)
  local file <close>, why = io.open(path, "rb")
  if not file then return err.fail("io", why) end
  local ok
  for bytes in file:lines(PIECE) do
    if to.terminal then bytes = bytes .. (file:read "L" or "") end
    ok, why = copy(to, bytes)
    if not ok then return nil, why end
  end
  return true
end

local function write_output(standing, to, output)
  if not output then return true end
  if output.path then return copy_file(to, words.path_of(output, standing.folder)) end
  return copy(to, output.text or "")
end

-- ---- one attempt -------------------------------------------------------------------------------

local function print_json(standing, job, attempt)
  local json = require "kavach.json"
  local document = { version = 1, batch = standing.name, seq = job.seq, state = job.state,
    attempt = attempt.number, attempt_state = attempt.state }
  encoded.put(document, "job", job.id)
  encoded.put(document, "reason", attempt.reason or job.reason)
  local result = {}
  for key, value in next, attempt do result[key] = value end
  for _, name in ipairs { "stdout", "stderr" } do
    result[name] = standing.reader:output(job.seq, attempt.number, name)
  end
  encoded.put_result(document, result)
  local text, why = json.encode(document)
  if not text then return nil, why end
  return io.stdout:write(text, "\n")
end

local function print_outputs(standing, job, attempt, args)
  local out = styles_of(io.stdout, 1)
  local function output(name) return standing.reader:output(job.seq, attempt.number, name) end
  if args.stderr and not args.stdout then return write_output(standing, out, output "stderr") end
  local ok, why = write_output(standing, out, output "stdout")
  if not ok or args.stdout and not args.stderr then return ok, why end
  return write_output(standing, styles_of(io.stderr, 2), output "stderr")
end

-- The last lines of an attempt that failed.
local function print_failure(standing, job, attempt)
  local out = styles_of(io.stdout, 1)
  local style, reader = out.style, standing.reader
  out.file:write(style:paint(style.signs.failed .. " " .. style:plain(job.id), "red"),
    (": %s, attempt %d\n"):format(style:plain(words.reason(attempt.reason or job.reason, attempt)),
      attempt.number))
  local function last_of(name)
    return words.last_lines(reader:output(job.seq, attempt.number, name), LAST_LINES,
      standing.folder)
  end
  local lines = last_of "stderr"
  if #lines == 0 then lines = last_of "stdout" end
  for _, line in ipairs(lines) do
    out.file:write("    ", out.terminal and style:line(line) or line, "\n")
  end
  return true
end

-- ---- which -------------------------------------------------------------------------------------

local FINAL <const> = { done = true, failed = true, skipped = true, cancelled = true }
local COMMITTED <const> = { done = true, failed = true, cancelled = true }

-- The attempts of a job that have a result, the first first.
local function committed(standing, job)
  local list = {}
  for attempt in standing.reader:attempts(job.seq) do
    if COMMITTED[attempt.state] then list[#list + 1] = attempt end
  end
  table.sort(list, function(a, b) return a.number < b.number end)
  return list
end

local function find_job(standing, id)
  local job = standing.reader:jobs { id = id, limit = 1, spec = false } ()
  if job then return job end
  return err.fail("invalid_argument", ("batch '%s' has no job '%s'"):format(standing.name,
    require("kavach.plain").text(id)))
end

local function no_output(job, args)
  local title = require("kavach.plain").text(require("kavach.batch.job").title(job.id))
  if args.attempt then
    return err.fail("invalid_argument", ("%s has no result of an attempt %d"):format(title,
      args.attempt))
  end
  if job.state == "running" then
    return err.fail("invalid_transition",
      title .. " runs: its output is there once it has ended; -f waits for that")
  end
  return err.fail("invalid_transition", ("%s is %s: it has printed nothing yet"):format(title,
    job.state))
end

-- Shows an attempt as was asked for.
local function show(standing, job, attempt, args)
  if args.json then return print_json(standing, job, attempt) end
  if not args.job then return print_failure(standing, job, attempt) end
  return print_outputs(standing, job, attempt, args)
end

local function show_job(standing, args)
  local job, why = find_job(standing, args.job)
  if not job then return nil, why end
  local list = committed(standing, job)
  local chosen = list[#list]
  if args.attempt then
    chosen = nil
    for _, attempt in ipairs(list) do
      if attempt.number == args.attempt then chosen = attempt end
    end
  end
  if not chosen then return no_output(job, args) end
  return show(standing, job, chosen, args)
end

-- Shows what has come to be there since the last time; nil and an error if that fails.
local function show_new_of(standing, job, shown, args)
  for _, attempt in ipairs(committed(standing, job)) do
    local key = ("%d:%d"):format(job.seq, attempt.number)
    local wanted = not args.attempt or args.attempt == attempt.number
    if wanted and not shown[key] then
      shown[key] = true
      local ok, why = show(standing, job, attempt, args)
      if not ok then return nil, why end
    end
  end
  return true
end

local function follow_job(standing, args)
  local shown = {}
  while true do
    -- first who runs it: what is committed before that ends is seen then
    local facts, why = standing:look()
    if not facts then return nil, why end
    local job
    job, why = find_job(standing, args.job)
    if not job then return nil, why end
    local ok
    ok, why = show_new_of(standing, job, shown, args)
    if not ok or FINAL[job.state] or facts.state ~= "running" then return ok, why end
    io.stdout:flush()
    require("kavach.task").sleep(FOLLOW_MS)
  end
end

-- The last attempt of each job that has failed and is not in `shown`.
local function show_failed(standing, shown, args)
  for job in standing.reader:jobs { state = "failed", spec = false } do
    local list = committed(standing, job)
    if not shown[job.seq] and #list > 0 then
      shown[job.seq] = true
      local ok, why = show(standing, job, list[#list], args)
      if not ok then return nil, why end
    end
  end
  return true
end

local function show_all(standing, args)
  local shown = {}
  while true do
    local facts, why = { state = "shown" }, nil
    if args.follow then facts, why = standing:look() end
    if not facts then return nil, why end
    local ok
    ok, why = show_failed(standing, shown, args)
    if not ok or facts.state ~= "running" then return ok, why end
    io.stdout:flush()
    require("kavach.task").sleep(FOLLOW_MS)
  end
end

local function run(args)
  if not args.job and args.attempt then
    require("kavach.cli").complain "batch logs: --attempt is of a job: name one"
    return 64
  end
  local standing <close>, why = require("kavach.cli.batch.standing").open(args.name)
  if not standing then return nil, why end
  local ok
  local how = not args.job and show_all or args.follow and follow_job or show_job
  ok, why = how(standing, args)
  -- Who reads no further has seen enough.
  if not ok and not tostring(why):find("Broken pipe", 1, true) then return nil, why end
  return 0
end

return {
  summary = "Show what jobs have printed.",
  configure = configure,
  tells_failure = true,
  run = run,
}
