--- Ethernet frames as a guest might send them, right unless asked to be otherwise.

local M = {}

M.MAC = "\x52\x54\x00\x6b\x76\x01"
M.GATEWAY_MAC = "\x52\x55\x0a\x00\x02\x02"

--- "10.0.2.15" as a number.
function M.address(text)
  local a, b, c, d = text:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$"
  return (string.unpack(">I4", string.char(a, b, c, d)))
end

--- A frame of a type, with a payload.
function M.ethernet(payload, more)
  more = more or {}
  return (more.to or M.GATEWAY_MAC) .. (more.mac or M.MAC)
    .. string.pack(">I2", more.ethertype or 0x0800) .. payload
end

--- An IPv4 packet. `more` may change each field of the header.
function M.ip(protocol, to, data, more)
  more = more or {}
  local header = string.pack(">BBI2I2I2BBI2I4I4", more.version or 0x45, 0,
    more.total or 20 + #data, 1, more.fragment or 0x4000, 64, protocol, 0,
    M.address(more.from or "10.0.2.15"), M.address(to))
  return M.ethernet(header .. data, more)
end

function M.tcp(to, port, more)
  more = more or {}
  local header = string.pack(">I2I2I4I4BBI2I2I2", 40000, port, 1, 0,
    (more.words or 5) << 4, 2, 64240, 0, 0)
  return M.ip(6, to, (header .. (more.data or "")):sub(1, more.cut or -1), more)
end

function M.udp(to, port, more)
  more = more or {}
  local data = more.data or "query"
  return M.ip(17, to, string.pack(">I2I2I2I2", 40000, port, more.length or 8 + #data, 0) .. data,
    more)
end

function M.icmp(to, more)
  more = more or {}
  return M.ip(1, to, string.pack(">BBI2I2I2", more.type or 8, more.code or 0, 0, 1, 1), more)
end

function M.arp(more)
  more = more or {}
  return M.ethernet(string.pack(">I2I2BBI2", more.hardware or 1, more.protocol or 0x0800,
    more.hardware_size or 6, 4, more.operation or 1) .. (more.sender_mac or M.MAC)
    .. string.pack(">I4", M.address(more.sender or "10.0.2.15")) .. ("\0"):rep(6)
    .. string.pack(">I4", M.address(more.target or "10.0.2.2")),
    { to = ("\xff"):rep(6), ethertype = 0x0806, mac = more.mac })
end

--- As it comes out of QEMU: its length, then itself.
function M.framed(frame) return string.pack(">s4", frame) end

return M
