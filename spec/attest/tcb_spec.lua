local tcb_of = require "kavach.attest.tcb"

local MILAN <const> = { boot_loader = 4, tee = 0, snp = 24, microcode = 219 }
local TURIN <const> = { fmc = 1, boot_loader = 2, tee = 3, snp = 4, microcode = 81 }

describe("a TCB as text", function()
  it("is read by names, in any order, also by short ones and in hex", function()
    for _, text in ipairs { "boot_loader=4,tee=0,snp=24,microcode=219",
      "ucode=219,bl=4,snp=24,tee=0", " bl = 4 , tee=0x0 ,snp=0x18,ucode=0xdb",
      "0xdb18000000000004" } do
      assert.same(MILAN, (tcb_of.parse("Milan", text)), text)
      assert.same(MILAN, (tcb_of.parse("Genoa", text)), text)
    end
    for _, text in ipairs { "fmc=1,bl=2,tee=3,snp=4,ucode=81", "0x5100000004030201" } do
      assert.same(TURIN, (tcb_of.parse("Turin", text)), text)
    end
  end)

  it("is written so that it can be read", function()
    assert.equal("boot_loader=4,tee=0,snp=24,microcode=219", tcb_of.text("Milan", MILAN))
    assert.equal("fmc=1,boot_loader=2,tee=3,snp=4,microcode=81", tcb_of.text("Turin", TURIN))
    assert.same(TURIN, (tcb_of.parse("Turin", tcb_of.text("Turin", TURIN))))
  end)

  it("says what is wrong with it", function()
    local function bad(pattern, product, text)
      local tcb, message = tcb_of.parse(product, text)
      assert.is_nil(tcb, text)
      assert.matches(pattern, message)
    end
    bad("'boot_loader' is missing", "Milan", "")
    bad("'microcode' is missing", "Milan", "bl=1,tee=1,snp=1")
    bad("'fmc' is missing", "Turin", "bl=1,tee=1,snp=1,ucode=1")
    bad("a TCB of Genoa has no 'fmc' %(it has boot_loader, tee, snp, microcode%)", "Genoa", "fmc=1")
    bad("'bl' is not NAME=NUMBER", "Milan", "bl")
    bad("'bl=%-1' is not NAME=NUMBER", "Milan", "bl=-1")
    bad("boot_loader is 0 to 255", "Milan", "bl=256")
    bad("boot_loader is 0 to 255", "Milan", "bl=1e2")
    bad("boot_loader is 0 to 255", "Milan", "bl=99999999999999999999")
    bad("'boot_loader' is there twice", "Milan", "bl=1,boot_loader=1")
    bad("has bytes set that are reserved on Milan", "Milan", "0x010000")
    bad("has bytes set that are reserved on Milan", "Milan", "0x0000000000ff0000")
    bad("has bytes set that are reserved on Turin", "Turin", "0x0000000100000000")
    bad("not NAME=NUMBER", "Milan", "0xdb180000000000040")
  end)
end)

describe("a TCB as a table", function()
  it("has what its product has, and nothing else", function()
    assert.is_nil(tcb_of.problem("Milan", MILAN))
    assert.is_nil(tcb_of.problem("Turin", TURIN))
    assert.equal("tcb: 'fmc' is missing", tcb_of.problem("Turin", MILAN))
    assert.matches("^tcb: Milan has no 'fmc'", tcb_of.problem("Milan", TURIN))
    for _, wrong in ipairs { -1, 256, 1.5, "1", false } do
      assert.matches("snp must be an integer, 0 to 255",
        tcb_of.problem("Milan", { boot_loader = 4, tee = 0, snp = wrong, microcode = 219 }))
    end
  end)

  it("is equal to another if all parts are", function()
    assert.is_true(tcb_of.equal("Milan", MILAN, { boot_loader = 4, tee = 0, snp = 24,
      microcode = 219 }))
    for _, part in ipairs(tcb_of.parts "Turin") do
      local other = {}
      for name, value in pairs(TURIN) do other[name] = value end
      other[part] = 99
      assert.is_false(tcb_of.equal("Turin", TURIN, other))
    end
  end)
end)

describe("a product's name", function()
  it("may be in any case", function()
    for _, name in ipairs { "milan", "MILAN", "Milan" } do
      assert.equal("Milan", (tcb_of.product(name)))
    end
    for _, name in ipairs { "", "rome", "Milan-B0", 1, true } do
      local product, message = tcb_of.product(name)
      assert.is_nil(product)
      assert.matches("unknown product", message)
    end
  end)
end)
