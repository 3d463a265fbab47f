--- SEV-SNP attestation reports: 1184 bytes (AMD 56860, section 7.3), versions 2 to 5, and the short
--- JSON form of one. What is here tells what a report says, and whether it has the form of one;
--- whether a processor signed it, `attest.verify` tells.
---
---   local r = assert(report.parse(bytes))
---   print(r.version, r.policy, r:to_text())
---   assert(r:to_bytes() == bytes)
---   local sound, reasons = r:verify()

local claims = require "kavach.report.claims"
local err = require "kavach.err"
local json = require "kavach.json"
local show = require "kavach.report.show"
local snp = require "kavach.snp"

local M = {}

--- Fields have the specification's names, in lower case. Masks are integers of 64 bits; bytes are
--- strings. A field that the report's version does not have is nil.
---@class kavach.Report
---@field version integer
---@field guest_svn integer
---@field policy integer
---@field family_id string
---@field image_id string
---@field vmpl integer 0xffffffff: the host asked for it
---@field signature_algo integer
---@field current_tcb integer
---@field platform_info integer
---@field key_info integer
---@field report_data string
---@field measurement string
---@field host_data string
---@field id_key_digest string
---@field author_key_digest string
---@field report_id string
---@field report_id_ma string
---@field reported_tcb integer
---@field cpuid_fam_id integer?
---@field cpuid_mod_id integer?
---@field cpuid_step integer?
---@field chip_id string
---@field committed_tcb integer
---@field launch_tcb integer
---@field launch_mit_vector integer?
---@field current_mit_vector integer?
---@field signature string the 512 bytes from 0x2a0
---@field product string? "Milan", "Genoa", "Turin", if the report tells
---@field raw string? the bytes that it was parsed from
---@field claims table? of a report from JSON: the document
local Report = {}
Report.__index = Report
Report.__name = "kavach.Report"
M.class = Report -- by which the prompt knows its objects

function Report:__tostring()
  local product = self.product or "product not told"
  return ("SEV-SNP report, version %d, %s"):format(self.version, product)
end

local function fail(op, message)
  return err.fail("invalid_argument", ("%s: %s"):format(op, message), { op = op })
end

--- Reads a report's bytes. Fields that are wrong do not make it fail (`verify` finds them); a size
--- or version that is not a report's does.
---@param bytes string
---@return kavach.Report?
---@return kavach.Error?
function M.parse(bytes)
  if type(bytes) ~= "string" then
    error(("report.parse: bytes must be a string, got a %s"):format(type(bytes)), 2)
  end
  local fields, message = snp.report_parse(bytes)
  if not fields then return fail("report.parse", message) end
  return setmetatable(fields, Report)
end

--- Reads the short JSON form: report_version guest_svn policy measurement host_data id_key_digest
--- report_id vmpl signature. It has those fields alone.
---@param text string
---@return kavach.Report?
---@return kavach.Error?
function M.from_json(text)
  if type(text) ~= "string" then
    error(("report.from_json: expected a string, got a %s"):format(type(text)), 2)
  end
  local document, message = claims.read(text)
  if not document then return fail("report.from_json", message) end
  local fields = claims.fields(document)
  fields.claims = document
  return setmetatable(fields, Report)
end

--- The 1184 bytes: those that it was parsed from, with the fields that were changed since. Raises
--- if a field does not fit; a report from JSON has not all of them, and gives nil and an error.
---@return string?
---@return kavach.Error?
function Report:to_bytes()
  if self.claims then
    return fail("report:to_bytes", "a report from JSON has nine of its fields, not all")
  end
  return snp.report_bytes(self)
end

local function short_json(self)
  local document = self.claims or claims.of(self)
  if document.policy < 0 then
    return fail("report:to_json", ("policy 0x%x has bit 63 set, which no policy has")
      :format(document.policy))
  end
  return claims.write(document)
end

local OPTIONS <const> = { full = true, product = true }

local function options_of(options, what)
  for key in next, options or {} do
    if not OPTIONS[key] then error(("%s: unknown option '%s'"):format(what, tostring(key)), 3) end
  end
  return options or {}
end

local function full(self, what, render, product)
  if self.claims then
    return fail(what, "a report from JSON has nine of its fields, not all")
  end
  return render(self, self:to_bytes(), product)
end

--- Everything that the report says, as plain values: masks "0x…", bytes in hex, bits and
--- components of TCBs by name, and `problems`. `product` is for reports of version 2, which do not
--- tell theirs.
---@param product string? "Milan", "Genoa" or "Turin"
---@return table?
---@return kavach.Error?
function Report:to_table(product)
  return full(self, "report:to_table", show.table, product)
end

--- The short JSON form; with `full = true`, everything.
---@param options { full: boolean?, product: string? }?
---@return string?
---@return kavach.Error?
function Report:to_json(options)
  options = options_of(options, "report:to_json")
  if not options.full then return short_json(self) end
  local all, e = self:to_table(options.product)
  if not all then return nil, e end
  return json.encode(all)
end

--- Lines for people.
---@param options { product: string? }?
---@return string?
---@return kavach.Error?
function Report:to_text(options)
  return full(self, "report:to_text", show.text, options_of(options, "report:to_text").product)
end

--- The components of its TCBs: { reported = { boot_loader=, tee=, snp=, microcode= (fmc=) },
--- committed=, current=, launch= }, or nil where the layout cannot be known without `product`.
---@param product string?
---@return table?
function Report:tcbs(product)
  return (snp.report_tcbs(assert(self:to_bytes()), product))
end

local Reasons = {
  __name = "kavach.Report.reasons",
  __tostring = function(list) return table.concat(list, "; ") end,
}

--- The structural check: whether it has the form that a verifier can go on from. It says nothing of
--- who signed it. True, or false and a list of reasons, which prints as one line.
---
--- measurement is 96 hex digits, report_id 64, signature at least 96 bytes, vmpl 0; and of a report
--- from bytes, every reserved byte is zero, and every field is one that can be verified.
---@param product string?
---@return boolean
---@return string[]? reasons
function Report:verify(product)
  local reasons
  if self.claims then
    reasons = claims.problems(self.claims)
  else
    reasons = claims.vmpl_problem(self.vmpl)
    for _, problem in ipairs(show.problems(self:to_bytes(), product)) do
      reasons[#reasons + 1] = problem.message
    end
  end
  if #reasons == 0 then return true end
  return false, setmetatable(reasons, Reasons)
end

return M
