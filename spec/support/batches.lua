--- Batches in a place of their own, run by the program of this build as a user would.

local host = require "support.host"
local journal = require "kavach.batch.journal"
local json = require "kavach.json"
local lfs = require "lfs"
local process = require "kavach.process"
local program = require "support.program"

local M = {}

-- For who waits for a runner that hangs.
local PATIENCE_MS <const> = 60000

---@class spec.Batches
local Batches = {}
Batches.__index = Batches

--- A place: a folder with what is needed, removed by remove().
function M.place()
  local folder, remove = host.folder()
  os.execute(("mkdir -m 700 '%s/run' '%s/state'"):format(folder, folder))
  local self = setmetatable({ folder = folder, remove = remove, state = folder .. "/state" },
    Batches)
  self.env = {
    PATH = os.getenv "PATH", HOME = folder, XDG_STATE_HOME = self.state,
    XDG_RUNTIME_DIR = folder .. "/run", XDG_CACHE_HOME = os.getenv "XDG_CACHE_HOME",
    LC_ALL = "C.UTF-8",
  }
  return self
end

--- A file there.
function Batches:write(name, text) return host.write(self.folder .. "/" .. name, text) end
function Batches:read(name) return host.slurp(self.folder .. "/" .. name) end

--- The path of what the journal's folder has of that name.
function Batches:path(name) return ("%s/kavach/batch/%s"):format(self.state, name) end

local function environment(self, more)
  local env = {}
  for name, value in pairs(self.env) do env[name] = value end
  for name, value in pairs(more or {}) do env[name] = value end
  return env
end

--- Runs `kavach batch` with these words: its exit code, standard output and standard error.
--- Variables of the environment may stand among them: { NAME = value }.
function Batches:run(...)
  local words, env = { program.absolute, "batch" }, nil
  for _, word in ipairs { ... } do
    if type(word) == "table" then env = word else words[#words + 1] = word end
  end
  local r = assert(process.exec(words, {
    env = environment(self, env), cwd = self.folder, timeout_ms = PATIENCE_MS,
  }))
  assert(not r.timed_out, "it hangs: " .. table.concat(words, " ") .. "\n" .. r.stderr)
  return r.exit_code, r.stdout, r.stderr
end

--- Starts it, with its standard error in standard output, and leaves it running.
function Batches:start(words, env)
  return assert(process.start({ program.absolute, "batch", table.unpack(words) }, {
    env = environment(self, env), cwd = self.folder, stderr = "stdout",
  }))
end

--- Runs a Lua program in this place: as run() does.
function Batches:script(text, ...)
  local r = assert(process.exec({ program.absolute, self:write("program.lua", text), ... }, {
    env = environment(self), cwd = self.folder, timeout_ms = PATIENCE_MS,
  }))
  assert(not r.timed_out, "it hangs")
  return r.exit_code, r.stdout, r.stderr
end

--- What `kavach batch status --json` prints.
function Batches:status(name)
  local code, out, errors = self:run("status", name, "--json")
  assert(code == 0, errors)
  return json.decode(out)
end

--- A reader of its journal, to be closed.
function Batches:reader(name) return assert(journal.reader(self:path(name .. ".db"))) end

--- The jobs of a journal by their ids, each with `tries`, its attempts.
function Batches:jobs(name)
  local r <close> = self:reader(name)
  local jobs, by_seq = {}, {}
  for job in r:jobs { spec = false } do
    jobs[job.id], by_seq[job.seq], job.tries = job, job, {}
  end
  for attempt in r:attempts() do table.insert(by_seq[attempt.seq].tries, attempt) end
  return jobs
end

--- The processes whose environment says that they are of a batch that is kept here.
function Batches:processes()
  local found = {}
  local mark = "\0XDG_STATE_HOME=" .. self.state .. "\0"
  for pid in lfs.dir "/proc" do
    if pid:find "^%d+$" then
      local environ = host.slurp(("/proc/%s/environ"):format(pid))
      if environ and ("\0" .. environ):find(mark, 1, true) and environ:find "KAVACH_BATCH_RUN=" then
        found[#found + 1] = tonumber(pid)
      end
    end
  end
  return found
end

--- Whether nothing of them is left, soon.
function Batches:gone()
  return host.eventually(function() return #self:processes() == 0 end)
end

--- What the folder of a batch's outputs has in it, sorted.
function Batches:outputs(name)
  local names = {}
  local path = self:path(name .. ".out")
  if not lfs.attributes(path) then return names end
  for file in lfs.dir(path) do
    if file ~= "." and file ~= ".." then names[#names + 1] = file end
  end
  table.sort(names)
  return names
end

--- Waits for a line that matches, of what was started; what it has said until then.
function M.await(running, pattern)
  local text = ""
  while not text:find(pattern) do
    local bytes = running:read()
    if not bytes then error("it has ended: " .. text, 2) end
    text = text .. bytes
  end
  return text
end

--- The rest of what it says, until its end, and its exit.
function M.finish(running)
  local parts = {}
  for bytes in function() return running:read() end do parts[#parts + 1] = bytes end
  return running:wait().exit_code, table.concat(parts)
end

return M
