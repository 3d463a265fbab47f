--- `kavach batch` as a user would call it, with plain processes as jobs and a folder of its own for
--- all that it keeps.
---
--- A job that is to run until a spec has seen it is `$T/until NAME`: it says that it has begun
--- (`has_begun`), and ends when it is let go (`let_go`).

local assert = require "luassert"
local host = require "support.host"
local lfs = require "lfs"
local process = require "kavach.process"
local program = require "support.program"
local task = require "kavach.task"

local M = {}

local PATIENCE_MS <const> = 30000

local UNTIL <const> = "#!/bin/sh\n" .. [[
: >"$T/begun-$1"
until [ -e "$T/go-$1" ] || [ -e "$T/go-all" ]; do sleep 0.01; done
]]

local remove

function M.setup()
  M.folder, remove = host.folder()
  host.write(M.folder .. "/until", UNTIL)
  assert(os.execute(("cd %s && chmod +x until && mkdir -m 700 runtime state"):format(M.folder)))
end

--- Also for each spec: jobs that are still held are let go.
function M.teardown()
  M.let_go "all"
  remove()
end

-- A search path that is good in any folder.
local function absolute(path)
  return (";" .. path):gsub(";%./", ";" .. lfs.currentdir() .. "/")
    :gsub(";([^/;])", ";" .. lfs.currentdir() .. "/%1"):sub(2)
end

function M.environment()
  return {
    PATH = os.getenv "PATH", HOME = M.folder, XDG_RUNTIME_DIR = M.folder .. "/runtime",
    XDG_STATE_HOME = M.folder .. "/state",
    XDG_CACHE_HOME = os.getenv "XDG_CACHE_HOME" or M.folder .. "/cache",
    LUA_PATH = absolute(package.path), LUA_CPATH = absolute(package.cpath), LC_ALL = "C.UTF-8",
    K = program.absolute, T = M.folder,
  }
end

--- Runs a shell line in $T, in which $K is kavach. Returns its exit code, stdout and stderr.
function M.shell(line, stdin)
  local r = assert(process.exec({ "bash", "-c", line },
    { env = M.environment(), cwd = M.folder, stdin = stdin, timeout_ms = PATIENCE_MS }))
  assert(not r.timed_out, "timed out: " .. line)
  return r.exit_code, r.stdout, r.stderr
end

--- Starts one, with pipes: a kavach.Process. What it says is in `errors()`.
function M.start(line)
  local path = os.tmpname()
  os.remove(path)
  local errors = ("%s/errors-%s"):format(M.folder, path:match "[^/]*$")
  local p = assert(process.start({ "bash", "-c", "exec 2>" .. errors .. "; " .. line },
    { env = M.environment(), cwd = M.folder, stdin = "pipe" }))
  return p, function() return host.slurp(errors) or "" end
end

local function in_time(fn)
  return assert(task.deadline(PATIENCE_MS, fn))
end

--- What a process still prints, to its end.
function M.rest(p)
  local parts = {}
  in_time(function()
    for bytes in function() return p:read() end do parts[#parts + 1] = bytes end
    return true
  end)
  return table.concat(parts)
end

--- Fails unless what a process prints next is this: it may come in pieces.
function M.prints(p, expected)
  local parts, left = {}, #expected
  in_time(function()
    while left > 0 do
      local bytes = p:read(left)
      if not bytes then break end
      parts[#parts + 1], left = bytes, left - #bytes
    end
    return true
  end)
  assert.is_true(table.concat(parts) == expected, table.concat(parts):sub(1, 1000))
end

--- The exit code of a process that ends now.
function M.exit(p)
  return in_time(function() return p:wait() end).exit_code
end

--- Runs a line that has to succeed: its output.
function M.ok(line, stdin)
  local code, out, errors = M.shell(line, stdin)
  assert.same({ 0, line, "" }, { code, line, code == 0 and "" or errors })
  return out
end

function M.write(name, text) return host.write(M.folder .. "/" .. name, text) end

function M.read(name) return host.slurp(M.folder .. "/" .. name) end

function M.exists(name) return lfs.attributes(M.folder .. "/" .. name) ~= nil end

function M.let_go(name) M.write("go-" .. name, "") end

--- Waits until a file is there, or something is so.
function M.await(what)
  local function test()
    if type(what) == "string" then return M.exists(what) end
    return what()
  end
  assert(host.eventually(test), "never came: " .. tostring(what))
end

--- Waits until a job has begun.
function M.has_begun(name) M.await("begun-" .. name) end

--- A reader of a batch's journal.
function M.journal(name)
  return assert(require("kavach.batch.journal").reader(
    ("%s/state/kavach/batch/%s.db"):format(M.folder, name)))
end

--- The states of a batch's jobs, by id.
function M.states(name)
  local reader <close> = M.journal(name)
  local states = {}
  for job in reader:jobs {} do states[job.id] = job.state end
  return states
end

--- How often each job was tried, by id.
function M.tries(name)
  local reader <close> = M.journal(name)
  local tries = {}
  for attempt in reader:attempts() do tries[attempt.id] = (tries[attempt.id] or 0) + 1 end
  return tries
end

--- The lines of a text, sorted.
function M.sorted(text)
  local lines = {}
  for line in text:gmatch "[^\n]+" do lines[#lines + 1] = line end
  table.sort(lines)
  return lines
end

return M
