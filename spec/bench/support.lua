--- What the benchmarks share: interleaved runs, medians, and guests without an agent.

local core = require "kavach.core"
local json = require "kavach.json"
local process = require "kavach.process"

local M = {}

M.build = core.helper_dir():match "^(.*)/lib/kavach$"
M.kavach = M.build and M.build .. "/kavach"

-- ---- numbers -----------------------------------------------------------------------------------

---@param values number[]
---@return number
function M.median(values)
  local sorted = table.move(values, 1, #values, 1, {})
  table.sort(sorted)
  local middle = #sorted // 2
  if #sorted % 2 == 1 then return sorted[middle + 1] end
  return (sorted[middle] + sorted[middle + 1]) / 2
end

---@param values number[]
function M.summary(values)
  return {
    median = M.median(values), min = math.min(table.unpack(values)),
    max = math.max(table.unpack(values)), n = #values,
  }
end

--- Runs the two sides in turn, each once before it counts. Each returns a number.
---@param runs integer
---@param ours fun(): number
---@param theirs fun(): number
---@return number[] ours, number[] theirs
function M.interleave(runs, ours, theirs)
  local a, b = {}, {}
  for i = 0, runs do a[i], b[i] = ours(), theirs() end
  a[0], b[0] = nil, nil
  return a, b
end

-- ---- programs ----------------------------------------------------------------------------------

--- A program of the build that only the benchmarks need.
function M.program(name)
  local path = ("%s/spec/bench/%s"):format(M.build, name)
  local file = io.open(path, "rb")
  if not file then error(path .. " is missing: configure the build with -DKAVACH_BENCH=ON", 0) end
  file:close()
  return path
end

--- Runs a program that must succeed; its standard output.
---@param argv string[]
---@param options table?
function M.output(argv, options)
  local result = assert(process.exec(argv, options))
  if result.exit_code ~= 0 then
    error(("%s: exit %d: %s"):format(argv[1], result.exit_code, result.stderr), 0)
  end
  return result.stdout
end

--- How long a program runs, from before its start to after its end.
---@param argv string[]
---@return number milliseconds
function M.time(argv)
  local words = table.move(argv, 1, #argv, 2, { M.program "stopwatch" })
  local ns, code = M.output(words, { timeout_ms = 0 }):match "^(%d+) (%d+)"
  if code ~= "0" then error(("%s: exit %s"):format(argv[1], code), 0) end
  return ns / 1e6
end

--- A fresh folder, gone when it is closed, or when this process ends.
function M.folder()
  local path = assert(core.private_dir())
  return setmetatable({ path = path }, { __close = function() core.remove_dir(path) end })
end

-- ---- guests without an agent -------------------------------------------------------------------

local function read_file(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

--- A file of cpio's format "newc", as Documentation/driver-api/early-userspace/buffer-format.rst
--- of the kernel has it.
local function cpio_entry(name, mode, bytes)
  local function padding(size) return ("\0"):rep(-size % 4) end
  local fields = { 1, mode, 0, 0, 1, 0, #bytes, 0, 0, 0, 0, #name + 1, 0 }
  for i, number in ipairs(fields) do fields[i] = ("%08X"):format(number) end
  local head = "070701" .. table.concat(fields) .. name .. "\0"
  return head .. padding(#head) .. bytes .. padding(#bytes)
end

--- Writes an initramfs whose /init is the program: alone, or in place of the agent among all else
--- that kavach's has (of two files with one name the kernel keeps the later).
---@param path string
---@param program string
---@param base string? kavach's initramfs
function M.write_initramfs(path, program, base)
  local file <close> = assert(io.open(path, "wb"))
  file:write(base and read_file(base) or cpio_entry("dev", 0x41ed, ""), -- a folder, mode 0755
    cpio_entry("init", 0x81ed, read_file(program)), -- a file, mode 0755
    cpio_entry("TRAILER!!!", 0, ""))
end

--- QEMU's command line for `kavach run`, without kavach at its sockets.
---@param agent string? where somebody listens in kavach's place; nil: nobody does
---@return string[] argv, integer initrd where in argv the initramfs stands
function M.bare_argv(agent)
  local argv = json.decode(M.output { M.kavach, "run", "--dry-run", "--json", "true" }).argv
  local initrd
  for i, word in ipairs(argv) do
    local id = word:match "^socket,id=(%w+),path=%w+%.sock"
    if id == "agent" and agent then
      argv[i] = ("socket,id=agent,path=%s,server=off"):format(agent)
    elseif id then
      argv[i] = "null,id=" .. id
    elseif word == "-initrd" then
      initrd = i + 1
    end
  end
  return argv, assert(initrd, "no initramfs on QEMU's command line")
end

local Guest = {}
Guest.__index = Guest

--- Boots a guest with bare.c as its /init. `guest:ask(order)` is port.c's answer.
---@param folder string
---@return table guest to be closed
function M.bare_guest(folder)
  local socket = folder .. "/port.sock"
  local argv, initrd = M.bare_argv(socket)
  M.write_initramfs(folder .. "/initramfs", M.program "bare", argv[initrd])
  argv[initrd] = folder .. "/initramfs"
  local port = assert(process.start({ M.program "port", socket }, { stdin = "pipe" }))
  local self = setmetatable({ port = port }, Guest)
  assert(port:read() == "listening\n")
  self.qemu = assert(process.start(argv, { stdout = "null" }))
  self:ask "echo"
  return self
end

---@param order string
---@return number nanoseconds
function Guest:ask(order)
  assert(self.port:write(order .. "\n"))
  local line = self.port:read()
  return tonumber(line) or error("the guest without an agent does not answer", 0)
end

function Guest:__close()
  self.qemu:close()
  self.port:close()
end

-- ---- versions ----------------------------------------------------------------------------------

local function first_line(text) return text:match "[^\n]*" end

---@param ... string a program and its arguments
function M.version_of(...)
  local result = assert(process.exec({ ... }, { stderr = "stdout" }))
  return first_line(result.stdout)
end

function M.qemu_version()
  local qemu, initrd = M.bare_argv()
  local manifest = read_file((qemu[initrd]:gsub("[^/]*$", "manifest.json")))
  return ("%s; guest kernel %s; busybox %s"):format(M.version_of(qemu[1], "--version"),
    manifest:match '"kernel_package_version": "([^"]*)"',
    manifest:match '"busybox_version": "([^"]*)"')
end

return M
