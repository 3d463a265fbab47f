local attested = require "support.attested"
local host = require "support.host"
local json = require "kavach.json"
local program = require "support.program"
local report = require "kavach.report"

describe("kavach report", function()
  local folder, remove, path

  setup(function()
    folder, remove = host.folder()
    path = host.write(folder .. "/report.bin", attested.bytes { policy = 0xb0000 })
  end)
  teardown(function() remove() end)

  it("prints lines for people", function()
    local code, out, errors = program.run("report", path)
    assert.same({ 0, "" }, { code, errors })
    assert.equal(assert(report.parse(attested.bytes { policy = 0xb0000 }):to_text()), out)
    assert.matches("\npolicy +0xb0000  DEBUG SMT", out)
  end)

  it("prints one document with --json", function()
    local code, out, errors = program.run("report", "--json", path)
    assert.same({ 0, "" }, { code, errors })
    local t = assert(json.decode(out))
    assert.same({ 1, 5, "Milan", true, 24 }, { t.version, t.report_version, t.product,
      t.policy.bits.DEBUG, t.reported_tcb.snp })
  end)

  it("takes the product of a report of version 2 from --product", function()
    local old = host.write(folder .. "/old", attested.bytes {
      version = 2, chip_id = ("\0"):rep(64),
      cpuid_fam_id = false, cpuid_mod_id = false, cpuid_step = false,
    })
    local t = json.decode((select(2, program.run("report", old, "--json"))))
    assert.same({}, { t.product, t.reported_tcb.snp })
    t = json.decode((select(2, program.run("report", old, "--json", "--product=milan"))))
    assert.same({ "Milan", 24 }, { t.product, t.reported_tcb.snp })
  end)

  it("takes the product of a report of version 2 from its certificates", function()
    local platform <close> = setmetatable({}, { __close = function(p) p.remove() end })
    platform.made, platform.remove = attested.platform "genoa"
    local bundle = host.write(folder .. "/bundle", assert(platform.made:evidence {
      report_data = attested.NONCE, version = 2 }))
    assert.matches("^report +version 2, Genoa\n", (select(2, program.run("report", bundle))))
  end)

  it("names what is wrong", function()
    local function fails(exit, pattern, ...)
      local code, out, errors = program.run("report", ...)
      assert.same({ exit, "" }, { code, out })
      assert.matches("^kavach: report: " .. pattern, errors)
    end
    fails(1, ".*/none: No such file", folder .. "/none")
    fails(1, ".*/junk: 4 bytes that begin with", host.write(folder .. "/junk", "\1\2\3\4"))
    fails(1, ".*/new: .*version 9", host.write(folder .. "/new",
      ("<I4"):pack(9) .. attested.bytes():sub(5)))
    fails(64, "missing argument 'evidence'")
    fails(64, "option '%-%-product': unknown product 'rome'", path, "--product=rome")
    fails(64, "unknown option '%-%-produt'", path, "--produt=milan")
  end)
end)
