--- Before a batch is run again: proof that nothing of its earlier runs is left.
---
--- A runner's lock on its journal is held by its supervisor, too, which lets go when all that the
--- runner had started is gone; so who gets the lock has the kernel's word for it. Should the
--- supervisor have been killed as well, there are the numbers of QEMU's processes in the journal,
--- and in the environment of plain ones the name of their run. What is found is ended.

local core = require "kavach.core"
local environment = require "kavach.batch.attempt.environment"
local err = require "kavach.err"
local hosts = require "kavach.sandbox.control.hosts"
local lfs = require "lfs"
local place = require "kavach.batch.place"
local proc = require "kavach.proc"
local task = require "kavach.task"

local M = {}

-- A supervisor whose host has died kills, waits and removes files: about a second at the most.
local PATIENCE_MS <const>, ROUND_MS <const> = 10000, 20

---@return string of this boot of the machine
function M.boot_id()
  local file <close> = io.open "/proc/sys/kernel/random/boot_id"
  return file and file:read "l" or ""
end

---Takes a journal's lock. One whose holder has died comes free when its processes are gone.
---@param where kavach.batch.where
---@return kavach.batch.lock?
---@return kavach.Error?
function M.lock(where)
  local deadline = core.now() + PATIENCE_MS
  while true do
    local lock, why = place.lock(where)
    -- Its holder is known only as long as it lives.
    if lock or not why.held or why.pid then return lock, why end
    if core.now() > deadline then
      return err.fail("io", ("batch '%s': the process that ran it is dead, but something that it "
        .. "had started is not: see ps; it can be resumed when that is gone"):format(where.name),
        { op = "batch" })
    end
    task.sleep(ROUND_MS)
  end
end

-- ---- should its supervisor have died, too -----------------------------------------------------

local function read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read "a" or ""
end

local function has_all(environ, marks)
  for _, mark in ipairs(marks) do
    if not environ:find("\0" .. mark, 1, true) then return false end
  end
  return true
end

-- Whose environment has all of these.
local function marked(marks)
  local found = {}
  for pid in lfs.dir "/proc" do
    if pid:find "^%d+$" and has_all("\0" .. read(("/proc/%s/environ"):format(pid)), marks) then
      found[#found + 1] = tonumber(pid)
    end
  end
  return found
end

-- Ends a process and waits until it is gone; nil and why if it is not.
local function put_down(pid, start)
  local deadline = core.now() + PATIENCE_MS
  local name = ("%d-%d"):format(pid, start)
  while hosts.alive(name) do
    local sent, why = core.kill_process(pid, start)
    if sent == nil then return err.fail("io", why, { op = "batch" }) end
    if core.now() > deadline then
      return err.fail("io", ("process %d of an earlier run does not end"):format(pid),
        { op = "batch" })
    end
    task.sleep(ROUND_MS)
  end
  return true
end

-- Ends all that are marked; how many they were.
local function put_down_marked(marks)
  local count = 0
  repeat
    -- Until a look finds none: what was just killed may have forked.
    local pids = marked(marks)
    for _, pid in ipairs(pids) do
      local start = proc.start_time(pid)
      local ok, why = true, nil
      if start then ok, why = put_down(pid, math.tointeger(tonumber(start))) end
      if not ok then return nil, why end
      count = count + 1
    end
  until #pids == 0
  return count
end

---Ends what is left of one attempt of a plain process, whose supervisor was killed and has not.
---@param run string UUID:EPOCH
---@param id string of the job
---@param number integer of the attempt
---@return integer? ended how many processes there were
---@return kavach.Error?
function M.clear_attempt(run, id, number)
  local ended, why = put_down_marked {
    ("%s=%s\0"):format(environment.RUN, run), ("KAVACH_JOB=%s\0"):format(id),
    ("KAVACH_ATTEMPT=%d\0"):format(number),
  }
  return ended, why
end

---Ends what is left of earlier runs, if anything is.
---@param uuid string of the batch
---@param attempts table[] of journal:interrupted()
---@param boots table<integer, string> by epoch: the boot of the machine that it was in
---@return integer? ended how many processes there were
---@return kavach.Error?
function M.clear(uuid, attempts, boots)
  local count, now = 0, M.boot_id()
  for _, attempt in ipairs(attempts) do
    if attempt.pid and attempt.pid_start and boots[attempt.epoch] == now
      and hosts.alive(("%d-%d"):format(attempt.pid, attempt.pid_start)) then
      local ok, why = put_down(attempt.pid, attempt.pid_start)
      if not ok then return nil, why end
      count = count + 1
    end
  end
  local more, why = put_down_marked { ("%s=%s:"):format(environment.RUN, uuid) }
  if not more then return nil, why end
  return count + more
end

return M
