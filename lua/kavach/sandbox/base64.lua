-- Base64 (RFC 4648, with padding), for bytes that JSON cannot carry.

local base64 = {}

local BASE64 <const> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local digits = {}
for i = 0, 4095 do
  local high, low = i >> 6, i & 63
  digits[i] = BASE64:sub(high + 1, high + 1) .. BASE64:sub(low + 1, low + 1)
end

---@param bytes string
---@return string
function base64.encode(bytes)
  local out, whole = {}, #bytes // 3 * 3
  for at = 1, whole, 3 do
    local n = string.unpack(">I3", bytes, at)
    out[#out + 1] = digits[n >> 12] .. digits[n & 4095]
  end
  local rest = #bytes - whole
  if rest == 1 then
    out[#out + 1] = digits[bytes:byte(-1) << 4] .. "=="
  elseif rest == 2 then
    local n = string.unpack(">I2", bytes, -2) << 2
    out[#out + 1] = digits[n >> 6] .. BASE64:sub((n & 63) + 1, (n & 63) + 1) .. "="
  end
  return table.concat(out)
end

local values = { [61] = 0 } -- "="
for i = 1, 64 do values[BASE64:byte(i)] = i - 1 end

---@param text string
---@return string? bytes nil if it is not base64, or not padded
function base64.decode(text)
  local body, padding = text:match "^([%w+/]*)(=*)$"
  if not body or #text % 4 ~= 0 or #padding > 2 then return nil end
  local out = {}
  for at = 1, #text, 4 do
    local a, b, c, d = text:byte(at, at + 3)
    out[#out + 1] = string.pack(">I3",
      values[a] << 18 | values[b] << 12 | values[c] << 6 | values[d])
  end
  return table.concat(out):sub(1, -1 - #padding)
end

return base64
