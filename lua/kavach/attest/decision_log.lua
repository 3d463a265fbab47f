--- A log of decisions: JSON Lines, one for each, with every check. What is in it was there before
--- the answer was: who logs gives no answer that is not logged.
---
--- A line is the decision's document (kavach.attest.document) with its id, and `time`,
--- `evidence_digest` (SHA-256 of report, certificates, revocation lists and what else came along)
--- and `nonce`. Each is one write to the end of the file, so that several may log to one; a file
--- that was moved away is left, and another begun.

local core = require "kavach.core"
local err = require "kavach.err"
local json = require "kavach.json"
local lfs = require "lfs"
local snp = require "kavach.snp"

local M = {}

local ID_SIZE <const>, ATTEMPTS <const> = 16, 8

---@class kavach.DecisionLog
---@field path string
local Log = { __name = "kavach.DecisionLog" }
Log.__index = Log

-- ---- the file ----------------------------------------------------------------------------------

-- Which file the path names: nil if there is none.
local function identity(path)
  local about = lfs.attributes(path)
  return about and ("%s:%s"):format(about.dev, about.ino)
end

-- Opens what the path names. A file that is moved meanwhile is not what it names any more.
local function open(self)
  for _ = 1, ATTEMPTS do
    local before = identity(self.path)
    local file, why = core.file_open(self.path, "a")
    if not file then return nil, why end
    if before and identity(self.path) == before then
      file:setvbuf "no" -- one write for a line
      self.file, self.identity = file, before
      return true
    end
    file:close()
  end
  return nil, self.path .. ": it is moved away all the time"
end

local function reopen_if_moved(self)
  if self.file and identity(self.path) == self.identity then return true end
  self:close()
  local ok, why = open(self)
  return ok, why
end

--- Opens a log, and makes it if there is none.
---@param path string
---@return kavach.DecisionLog?
---@return kavach.Error?
function M.open(path)
  local self = setmetatable({ path = path }, Log)
  local ok, why = open(self)
  if ok then return self end
  return err.fail("io", "decision log: " .. why)
end

-- ---- lines -------------------------------------------------------------------------------------

local function digest(evidence)
  if not evidence then return json.null end
  local parts = { ("<s4"):pack(evidence.report) }
  local function add(value) parts[#parts + 1] = ("<s4"):pack(value or "") end
  for _, certificate in ipairs(evidence.certificates) do
    add(certificate.role)
    add(certificate.der)
  end
  for _, crl in ipairs(evidence.crls) do add(crl) end
  add(evidence.runtime_data)
  add(evidence.nonce)
  return snp.hex(snp.sha256(table.concat(parts)))
end

-- The document, with what the log adds in front of it.
local function line_of(decision)
  local judged = decision.judged or {}
  local front = assert(json.encode {
    evidence_digest = digest(judged.evidence),
    nonce = judged.nonce and snp.hex(judged.nonce) or json.null,
    time = os.date("!%Y-%m-%dT%H:%M:%SZ"),
  })
  return front:sub(1, -2) .. "," .. decision:to_json():sub(2) .. "\n"
end

--- Logs a decision, which gets an id by that. Nil and an error if it cannot be: then no answer may
--- be given.
---@param decision kavach.Decision
---@return true?
---@return kavach.Error?
function Log:write(decision)
  decision.decision_id = snp.hex(snp.random(ID_SIZE))
  local ok, why = reopen_if_moved(self)
  if ok then ok, why = self.file:write(line_of(decision)) end
  if ok then return true end
  return err.fail("io", ("decision log: %s: %s"):format(self.path, why))
end

function Log:close()
  if self.file then self.file:close() end
  self.file = nil
end

Log.__close = Log.close

return M
