--- `.top`: the sandboxes as they are, again and again.

local client = require "kavach.sandbox.control.client"
local core = require "kavach.core"
local live = require "kavach.prompt.live"
local proc = require "kavach.proc"
local tables = require "kavach.cli.table"

local M = {}

local EVERY_MS <const> = 1000
local NAME_MOST <const> = 24
local HEAD <const> = { "NAME", "STATE", "BACKEND", "CPU", "USED", "MEMORY", "AGE", "COMMANDS" }

-- What a sandbox's QEMU has used of the processors since the look before, of one in percent; "-" at
-- the first.
local function cpu_of(box, before, now)
  local ms = box.qemu_pid and proc.cpu_ms(box.qemu_pid)
  if not ms then return "-" end
  local then_ = before[box.qemu_pid]
  now[box.qemu_pid] = { ms = ms, at = core.now() }
  if not then_ or now[box.qemu_pid].at <= then_.at then return "-" end
  return ("%.0f%%"):format((ms - then_.ms) * 100 / (now[box.qemu_pid].at - then_.at))
end

local function commands(box)
  local out = {}
  for i, each in ipairs(box.commands) do out[i] = tostring(each.command) end
  return table.concat(out, ", ")
end

local function row(box, before, now)
  return {
    tables.cut(box.name or box.id, NAME_MOST), box.state, box.backend, cpu_of(box, before, now),
    box.pss_kb and tables.size(box.pss_kb * 1024) or "-", ("%dM"):format(box.memory_mb),
    tables.age(box.age_ms), commands(box),
  }
end

-- One look: lines no wider than the terminal.
local function look(session, before)
  local now, rows, busy = {}, { HEAD }, 0
  for _, each in ipairs(client.look_around() or {}) do
    if each.busy then busy = busy + 1 end
    for _, box in ipairs(each.sandboxes) do rows[#rows + 1] = row(box, before, now) end
  end
  local text = #rows > 1 and tables.text(rows, session.size.columns) or "no sandbox runs\n"
  if busy > 0 then text = ("%s%d busy processes do not answer\n"):format(text, busy) end
  return text .. session:paint("2", "Ctrl-C ends this") .. "\n", now
end

M.top = {
  summary = "Show processors, memory and age of the sandboxes, live, until Ctrl-C.",
  run = function(session)
    local before = {}
    live.show(session, EVERY_MS, function()
      local text
      text, before = look(session, before)
      return text
    end)
  end,
}

return M
