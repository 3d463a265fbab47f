local evidence_of = require "kavach.attest.evidence"
local host = require "support.host"
local platforms = require "support.platforms"
local snp = require "kavach.snp"
local trust = require "kavach.attest.trust"

local SIZE <const>, SIGNED <const> = 1184, 0x2a0
local R <const>, S <const>, SCALAR <const> = 0x2a0, 0x2e8, 72

-- Where the signature is not: what must be told of each byte, besides that it is not genuine.
local function unsigned_check(at)
  local within = at < S and at - R or at - S
  if at >= S + SCALAR then return "report.signature_reserved" end
  if within >= 48 then return "signature.padding" end
  return "signature.value"
end

describe("a report of which one byte is not as it was signed", function()
  local folder, remove
  local cases = {}

  setup(function()
    folder, remove = host.folder()
    for _, about in ipairs {
      { "milan", 2, "vcek" }, { "milan", 3, "vlek" }, { "genoa", 4, "vcek" },
      { "turin", 5, "vcek" },
    } do
      local product, version, key = table.unpack(about)
      local platform = platforms.make(("%s/%s%d"):format(folder, product, version),
        { product = product })
      cases[#cases + 1] = {
        name = ("%s, version %d, %s"):format(product, version, key),
        verifier = assert(trust.new { emulator = platform }).verifier,
        evidence = assert(evidence_of.parse(assert(platform:evidence {
          report_data = ("\x5a"):rep(64), version = version, key = key,
          measurement = ("\x11"):rep(48), author_key_digest = ("\x22"):rep(48),
        }))),
      }
    end
  end)
  teardown(function() remove() end)

  local function verify(case, report)
    return assert(case.verifier:verify {
      report = report, certificates = case.evidence.certificates, now = platforms.NOW,
    })
  end

  local function flipped(report, at, bits)
    return report:sub(1, at) .. string.char(report:byte(at + 1) ~ bits) .. report:sub(at + 2)
  end

  local function status(result, id)
    for _, c in ipairs(result.checks) do
      if c.id == id then return c.status end
    end
    error("no check " .. id)
  end

  it("is never genuine, whichever of the 1184 it is", function()
    for _, case in ipairs(cases) do
      local report = case.evidence.report
      assert.is_true(verify(case, report).genuine, case.name)
      for at = 0, SIZE - 1 do
        if verify(case, flipped(report, at, 0xff)).genuine then
          error(("%s: byte 0x%03x flipped is genuine"):format(case.name, at))
        end
      end
    end
  end)

  it("is never genuine for one bit of it, either", function()
    local case = cases[4]
    for at = 0, SIZE - 1 do
      for _, bit in ipairs { at % 8, (at + 3) % 8 } do
        local result = verify(case, flipped(case.evidence.report, at, 1 << bit))
        if result.genuine then error(("bit %d of byte 0x%03x"):format(bit, at)) end
      end
    end
  end)

  it("fails its signature, if that byte was signed and the report still is of a known version",
    function()
      for _, case in ipairs(cases) do
        for at = 4, SIGNED - 1, 3 do
          local result = verify(case, flipped(case.evidence.report, at, 0x01))
          local told = status(result, "signature.value")
          -- A report that says that nobody signed it, or in another algorithm, has none to check.
          local says_otherwise = at >= 0x34 and at < 0x38 or at == 0x48
          if told ~= "fail" and not says_otherwise then
            error(("%s: byte 0x%03x: signature.value is %s"):format(case.name, at, told))
          end
        end
      end
    end)

  it("is told by the check for it, if the byte is beyond what is signed", function()
    for _, case in ipairs(cases) do
      for at = SIGNED, SIZE - 1 do
        local result = verify(case, flipped(case.evidence.report, at, 0x01))
        local id = unsigned_check(at)
        if status(result, id) ~= "fail" then
          error(("%s: byte 0x%03x: %s is %s"):format(case.name, at, id, status(result, id)))
        end
      end
    end
  end)

  -- The one change that no signature of this kind can tell (FIPS 186-5: -s is as good as s). It
  -- changes no field that anybody signed, so the result is the same; only the report's own bytes
  -- differ, which is why they are nobody's identity.
  it("may have the other of the two signatures that a signature always has", function()
    local n = snp.unhex("ffffffffffffffffffffffffffffffffffffffffffffffff"
      .. "c7634d81f4372ddf581a0db248b0a77aecec196accc52973"):reverse()
    for _, case in ipairs(cases) do
      local report, borrow, other = case.evidence.report, 0, {}
      for i = 1, 48 do
        local d = n:byte(i) - report:byte(S + i) - borrow
        borrow = d < 0 and 1 or 0
        other[i] = string.char(d & 0xff)
      end
      local twin = report:sub(1, S) .. table.concat(other) .. report:sub(S + 49)
      assert.not_equal(report, twin)
      assert.same(verify(case, report), verify(case, twin))
    end
  end)
end)
