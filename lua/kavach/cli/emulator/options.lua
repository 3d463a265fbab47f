--- The options of `kavach emulator`.

local launch = require "kavach.cli.measure.launch"
local options = require "kavach.cli.options"

local M = {}

-- ---- values ------------------------------------------------------------------------------------

--- A field of a report: its option, what it is in bytes (nil: a number), and a word about it.
M.FIELDS = {
  { "measurement", 48, "The launch digest (zeros, unless a launch is described)." },
  { "host_data", 32, "HOST_DATA." },
  { "id_key_digest", 48, "ID_KEY_DIGEST." },
  { "author_key_digest", 48, "AUTHOR_KEY_DIGEST; sets AUTHOR_KEY_EN." },
  { "family_id", 16, "FAMILY_ID." },
  { "image_id", 16, "IMAGE_ID." },
  { "policy", nil, "The guest policy (0x30000)." },
  { "guest_svn", nil, "GUEST_SVN (0)." },
  { "vmpl", nil, "VMPL (0)." },
  { "version", nil, "The report's version, 2 to 5 (3; on Turin 5)." },
  { "platform_info", nil, "PLATFORM_INFO (0x25; of version 2, 0x1)." },
}

-- Which options belong to which action; --json and the like to all.
local BELONGS <const> = {
  product = "init", chip_id = "init", csp_id = "init", not_before = "init", tcb = "init report",
  report_data = "report", key = "report", field = "report", pem = "certs", revoke = "crl",
  number = "crl", this_update = "crl", next_update = "crl",
}
for _, field in ipairs(M.FIELDS) do BELONGS[field[1]] = "report" end

--- A whole number of 64 bits, as a mask too. For `convert`.
---@param text string
---@return integer?
---@return string? message
function M.integer(text)
  local digits = text:match "^0[xX](%x+)$"
  local n
  if digits then n = #digits:gsub("^0+", "") <= 16 and tonumber(text)
  else n = text:find "^%-?%d+$" and tonumber(text) end
  if math.type(n) == "integer" then return n end
  return nil, ("'%s' is not a whole number of at most 64 bits"):format(text)
end

--- Seconds since 1970 that X.509 can say.
local function seconds(text)
  local n = M.integer(text)
  if n and n >= 0 and n <= 253402300799 then return n end
  return nil, ("'%s' is not a time in seconds since 1970, up to the year 9999"):format(text)
end

--- Makes a converter of hex to bytes; `size` nil: any number of them.
---@param size integer?
---@return fun(text: string): string?, string?
function M.hex(size)
  return function(text)
    local bytes, message = require("kavach.snp").unhex(text)
    if not bytes then return nil, message end
    if size and #bytes ~= size then
      return nil, ("%d bytes in hex are %d digits, not %d"):format(size, 2 * size, #text)
    end
    return bytes
  end
end

-- ---- options -----------------------------------------------------------------------------------

local function configure_init(parser)
  parser:option("--product", "init: milan, genoa or turin (milan)."):argname "NAME"
    :choices { "milan", "genoa", "turin" }
  parser:option("--chip-id", "init: 64 bytes, on Turin 8, in hex (random)."):argname "HEX"
    :convert(M.hex())
  parser:option("--csp-id", "init: the cloud provider that the VLEK names."):argname "TEXT"
  parser:option("--not-before", "init: when certificates begin, seconds since 1970 (now).")
    :argname "SECONDS":convert(seconds)
  parser:option("--tcb", "init, report: firmware versions, PART=N,PART=N… or 0x and 16 digits. "
    .. "A report with others than the emulator's gets a key and certificate of its own.")
    :argname "TCB"
end

local function converter(field)
  if field[1] == "version" then return options.integer(2, 5) end
  return field[2] and M.hex(field[2]) or M.integer
end

local function configure_report(parser)
  parser:option("--report-data", "report: the 64 bytes that it answers, in hex; required.")
    :argname "HEX":convert(M.hex(64))
  parser:option("--key", "report: what signs it, vcek, vlek, or none for nothing (vcek).")
    :argname "NAME":choices { "vcek", "vlek", "none" }
  for _, field in ipairs(M.FIELDS) do
    parser:option("--" .. field[1]:gsub("_", "-"), "report: " .. field[3])
      :argname(field[2] and "HEX" or "N"):convert(converter(field))
  end
  parser:option("--field", "report: any other field, by the specification's name in lower "
    .. "case: a number, or bytes in hex. May be given again."):argname "NAME=VALUE":count "*"
end

local function configure_crl(parser)
  parser:option("--revoke", "crl: ask or asvk. May be given again."):argname "ROLE"
    :choices { "ask", "asvk" }:count "*"
  parser:option("--number", "crl: its number (1)."):argname "N":convert(M.integer)
  parser:option("--this-update", "crl: when it begins (as the certificates)."):argname "SECONDS"
    :convert(seconds)
  parser:option("--next-update", "crl: when it ends (50 days later)."):argname "SECONDS"
    :convert(seconds)
end

--- Adds them all to the parser of `kavach emulator`.
---@param parser table
function M.configure(parser)
  parser.interleaved = true
  parser:description "A platform emulator: simulated keys that sign reports in the real formats."
  parser:argument("action", "init, report, certs or crl.")
    :choices { "init", "report", "certs", "crl" }
  parser:argument("dir", "The directory of the emulator.")
  configure_init(parser)
  configure_report(parser)
  parser:flag("--pem", "certs: print the certificates themselves, in PEM.")
  configure_crl(parser)
  launch.configure(parser)
  parser:epilog [[
init    makes keys and certificates (ARK, ASK, ASVK, VCEK, VLEK) in a directory
        that is new or empty
report  prints a signed report with its certificates: an evidence bundle, for
        kavach verify
certs   prints what the certificates are
crl     prints a revocation list by the ARK, in PEM

With --ovmf and --vcpus, and whatever else of kavach measure says how the guest is
launched, the report's MEASUREMENT is that launch digest.

What it makes is simulated and says so: kavach verify takes it only with
--emulator DIR and a policy with simulated = "allowed". Whoever can read DIR can
sign reports with its keys.

Exit codes: 0; 1 if a file cannot be read or written; 64 usage.

Examples:
   kavach emulator init platform --product genoa
   kavach emulator report platform --report-data "$(openssl rand -hex 64)" \
      --ovmf OVMF.fd --vcpus 4 --vcpu-type EPYC-v4 > evidence.json
   kavach emulator certs platform
   kavach emulator crl platform --revoke ask > crl.pem]]
end

--- The first option that the action has no use for.
---@param args table
---@return string?
function M.misplaced(args)
  local names = {}
  for name in pairs(BELONGS) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local given = args[name] and not (type(args[name]) == "table" and #args[name] == 0)
    if given and not (" " .. BELONGS[name] .. " "):find(" " .. args.action .. " ", 1, true) then
      return "--" .. name:gsub("_", "-")
    end
  end
  local key = args.action ~= "report" and next(launch.picked(args) or {})
  return key and launch.OPTIONS[key]
end

return M
