-- The host's end of the wire to the agent. core/guest/wire.h says what the frames mean; this file
-- only turns them into bytes and back, and trusts nothing that comes out of a guest.

local decoder = require "kavach.sandbox.decoder"

local wire = {
  VERSION = 3,
  HEADER = 12,
  MAX = 1024 * 1024, -- payload of any frame
  DATA_MAX = 64 * 1024, -- payload of STDIN
  OUTPUT_MAX = 256 * 1024, -- payload of STDOUT, STDERR
  STDIN_WINDOW = 128 * 1024, -- what may be sent of standard input before the agent asks for more
  PUT_WINDOW = 1024 * 1024, -- the same of a file

  -- host to agent
  HELLO = 1,
  EXEC = 2,
  STDIN = 3,
  CREDIT = 4, -- both ways
  SIGNAL = 5,
  RESIZE = 6,
  KILL = 7,
  PUT = 8,
  GET = 9,
  MOUNT = 10,
  PING = 11,
  POWEROFF = 12,
  CLOCK = 13,
  LIMITS = 14,
  ROOT = 15,
  NETWORK = 16,
  SAVE = 17,
  IDENTITY = 18,

  -- agent to host
  WELCOME = 64,
  STARTED = 65,
  STDOUT = 66,
  STDERR = 67,
  EXIT = 68,
  FAILED = 69,
  DONE = 70,
  PONG = 71,

  -- flags of EXEC, EXIT and MOUNT
  SHELL = 1,
  WANT_STDIN = 2,
  PTY = 4,
  TOOL = 8,
  OOM_KILLED = 1,
  READ_ONLY = 1,

  -- flags of LIMITS, kinds of ROOT
  LIMIT_CPU = 1,
  LIMIT_PROCESSES = 2,
  LIMIT_READ_ONLY = 4,
  ROOT_OWN = 0,
  ROOT_SHARE = 1,
  ROOT_DISK = 2,

  -- streams, as CREDIT names them
  STREAM_STDIN = 0,
  STREAM_STDOUT = 1,
  STREAM_STDERR = 2,
}

-- How long the payload of each frame from the agent may be, shortest and longest.
wire.FROM_AGENT = {
  [wire.CREDIT] = { 8, 8 },
  [wire.WELCOME] = { 10, wire.MAX },
  [wire.STARTED] = { 4, 4 },
  [wire.STDOUT] = { 1, wire.OUTPUT_MAX },
  [wire.STDERR] = { 1, wire.OUTPUT_MAX },
  [wire.EXIT] = { 32, 32 },
  [wire.FAILED] = { 5, wire.MAX },
  [wire.DONE] = { 12, 12 },
  [wire.PONG] = { 0, 64 },
}

-- The same for the other direction: what a stand-in for the agent checks.
wire.FROM_HOST = {
  [wire.HELLO] = { 4, 4 },
  [wire.EXEC] = { 26, wire.MAX },
  [wire.STDIN] = { 0, wire.DATA_MAX },
  [wire.CREDIT] = { 8, 8 },
  [wire.SIGNAL] = { 4, 4 },
  [wire.RESIZE] = { 4, 4 },
  [wire.KILL] = { 0, 0 },
  [wire.PUT] = { 5, wire.MAX },
  [wire.GET] = { 5, wire.MAX },
  [wire.MOUNT] = { 6, wire.MAX },
  [wire.PING] = { 0, 64 },
  [wire.POWEROFF] = { 0, 0 },
  [wire.CLOCK] = { 8, 8 },
  [wire.LIMITS] = { 12, 12 },
  [wire.ROOT] = { 6, 256 },
  [wire.NETWORK] = { 17, wire.MAX },
  [wire.SAVE] = { 0, 0 },
  [wire.IDENTITY] = { 107, 169 },
}

---One frame as bytes.
---@param kind integer
---@param channel integer
---@param payload? string
---@return string
function wire.frame(kind, channel, payload)
  payload = payload or ""
  assert(#payload <= wire.MAX, "a frame's payload is too long")
  return string.pack("<I4I4I4", #payload, channel, kind) .. payload
end

---@class kavach.wire.exec
---@field flags integer
---@field stdout_credit integer
---@field stderr_credit integer
---@field rows? integer
---@field columns? integer
---@field cwd? string
---@field user? string
---@field argv string[]
---@field env? string[] "NAME=value" each

---EXEC's payload; nil and why if the wire cannot carry it.
---@param command kavach.wire.exec
---@return string? payload
---@return string? why
function wire.exec(command)
  local env = command.env or {}
  local parts = {
    string.pack("<I4I4I4I2I2I4I4zz", command.flags, command.stdout_credit, command.stderr_credit,
      command.rows or 0, command.columns or 0, #command.argv, #env, command.cwd or "",
      command.user or ""),
  }
  for _, list in ipairs { command.argv, env } do
    for _, word in ipairs(list) do
      parts[#parts + 1] = word
      parts[#parts + 1] = "\0"
    end
  end
  local payload = table.concat(parts)
  if #payload > wire.MAX then
    return nil, ("the command and its environment take %d bytes; %d is the most"):format(
      #payload, wire.MAX)
  end
  return payload
end

-- Checks that the payload is used up: what follows is as wrong as what is missing.
local function unpack_all(format, payload)
  local fields = table.pack(pcall(string.unpack, format, payload))
  if not fields[1] then return nil, "a frame's payload is cut short" end
  if fields[fields.n] ~= #payload + 1 then return nil, "a frame has bytes behind its payload" end
  return table.unpack(fields, 2, fields.n - 1)
end

---@return integer? version
---@return string release_or_why of the guest's kernel
---@return string? agent its version
function wire.parse_welcome(payload)
  local version, zero, release, agent = unpack_all("<I4I4zz", payload)
  if not version then return nil, zero end
  return version, release, agent
end

---@return integer? pid, string? why
function wire.parse_started(payload)
  return unpack_all("<I4", payload)
end

---@return integer? stream
---@return integer|string bytes_or_why
function wire.parse_credit(payload)
  return unpack_all("<I4I4", payload)
end

---@class kavach.wire.exit
---@field exit_code integer the command's own; 128 + signal if one ended it
---@field signal? integer
---@field oom_killed boolean the guest's kernel killed one of its processes for want of memory
---@field cpu_ms integer
---@field max_rss_kb integer

---@return kavach.wire.exit? exit, string? why
function wire.parse_exit(payload)
  local code, signal, flags, zero, cpu_us, max_rss_kb = unpack_all("<I4I4I4I4I8I8", payload)
  if not code then return nil, signal end
  if zero ~= 0 or flags & ~wire.OOM_KILLED ~= 0 or signal > 64 or code > 255 then
    return nil, "an exit status has values that do not exist"
  end
  return {
    exit_code = signal ~= 0 and 128 + signal or code,
    signal = signal ~= 0 and signal or nil,
    oom_killed = flags & wire.OOM_KILLED ~= 0,
    -- A guest may claim anything; what does not fit a signed integer is no time and no size.
    cpu_ms = math.max(cpu_us, 0) // 1000,
    max_rss_kb = math.max(max_rss_kb, 0),
  }
end

---@return integer? errno
---@return string what_or_why
function wire.parse_failed(payload)
  return unpack_all("<I4z", payload)
end

---@return integer? mode
---@return integer|string bytes_or_why
function wire.parse_done(payload)
  return unpack_all("<I4I8", payload)
end

-- What need not be held until it is whole: it is only a part of a stream anyway.
local OUTPUT <const> = { [wire.STDOUT] = true, [wire.STDERR] = true }

-- Frames of these types; others, and those of other sizes, break the rules.
local function form_of(types)
  return {
    head = wire.HEADER, partial = OUTPUT,
    read = function(header)
      local length, channel, kind = string.unpack("<I4I4I4", header)
      local limits = types[kind]
      if not limits then return nil, ("a frame of unknown type 0x%x"):format(kind) end
      if length < limits[1] or length > limits[2] then
        return nil, ("a frame of type %d with %d bytes"):format(kind, length)
      end
      return kind, channel, length
    end,
  }
end

---Takes bytes in pieces of any size and gives frames.
---@param types? table which frames may come; those of the agent if nil
---@return kavach.decoder
function wire.decoder(types)
  return decoder(form_of(types or wire.FROM_AGENT))
end

return wire
