"""Known encoders whose stages have names of their own (`layer1`, `blocks.0`, `stages.0`). Constants only.

Per family: `names = description`, one row a line; a line that begins with blanks goes on with the one above. Several
names fit one description where nothing but the window, or the size of the image that a model was made for, tells them
apart, and that may be in no tensor. Names that stand for the same structure under another training recipe
(`tf_efficientnet_b0`, `deit_small_patch16_224`) are not listed. How a description is spelled is told in
`signature_families`; the rows are proved against real models, `tests/golden/structures`.
"""

from __future__ import annotations

ROWS: dict[str, str] = {
    "resnet": """
resnet18 = 1:2 a64 b64 k3 | 2:2 a128 b128 k3 | 3:2 a256 b256 k3 | 4:2 a512 b512 k3
resnet34 = 1:3 a64 b64 k3 | 2:4 a128 b128 k3 | 3:6 a256 b256 k3 | 4:3 a512 b512 k3
resnet50 = 1:3 a64 b64 c256 k1 | 2:4 a128 b128 c512 k1 | 3:6 a256 b256 c1024 k1 | 4:3 a512 b512 c2048 k1
resnet101 = 1:3 a64 b64 c256 k1 | 2:4 a128 b128 c512 k1 | 3:23 a256 b256 c1024 k1 | 4:3 a512 b512 c2048 k1
resnet152 = 1:3 a64 b64 c256 k1 | 2:8 a128 b128 c512 k1 | 3:36 a256 b256 c1024 k1 | 4:3 a512 b512 c2048 k1
wide_resnet50_2 = 1:3 a128 b128 c256 k1 | 2:4 a256 b256 c512 k1 | 3:6 a512 b512 c1024 k1 | 4:3 a1024 b1024 c2048 k1
wide_resnet101_2 = 1:3 a128 b128 c256 k1 | 2:4 a256 b256 c512 k1 | 3:23 a512 b512 c1024 k1 | 4:3 a1024 b1024 c2048 k1
resnext50_32x4d = 1:3 a128 b4 c256 k1 | 2:4 a256 b8 c512 k1 | 3:6 a512 b16 c1024 k1 | 4:3 a1024 b32 c2048 k1
resnext101_32x8d = 1:3 a256 b8 c256 k1 | 2:4 a512 b16 c512 k1 | 3:23 a1024 b32 c1024 k1 | 4:3 a2048 b64 c2048 k1
resnext101_64x4d = 1:3 a256 b4 c256 k1 | 2:4 a512 b8 c512 k1 | 3:23 a1024 b16 c1024 k1 | 4:3 a2048 b32 c2048 k1
resnet18d = s32 t64 | 1:2 a64 b64 k3 | 2:2 a128 b128 k3 v128 | 3:2 a256 b256 k3 v256 | 4:2 a512 b512 k3 v512
resnet34d = s32 t64 | 1:3 a64 b64 k3 | 2:4 a128 b128 k3 v128 | 3:6 a256 b256 k3 v256 | 4:3 a512 b512 k3 v512
resnet50d = s32 t64 | 1:3 a64 b64 c256 k1 v256 | 2:4 a128 b128 c512 k1 v512 | 3:6 a256 b256 c1024 k1 v1024 | 4:3 a512
  b512 c2048 k1 v2048
resnet101d = s32 t64 | 1:3 a64 b64 c256 k1 v256 | 2:4 a128 b128 c512 k1 v512 | 3:23 a256 b256 c1024 k1 v1024 | 4:3
  a512 b512 c2048 k1 v2048
resnet50c = s32 t64 | 1:3 a64 b64 c256 k1 | 2:4 a128 b128 c512 k1 | 3:6 a256 b256 c1024 k1 | 4:3 a512 b512 c2048 k1
resnet101c = s32 t64 | 1:3 a64 b64 c256 k1 | 2:4 a128 b128 c512 k1 | 3:23 a256 b256 c1024 k1 | 4:3 a512 b512 c2048 k1
resnet50t = s24 t64 | 1:3 a64 b64 c256 k1 v256 | 2:4 a128 b128 c512 k1 v512 | 3:6 a256 b256 c1024 k1 v1024 | 4:3 a512
  b512 c2048 k1 v2048
resnet26 = 1:2 a64 b64 c256 k1 | 2:2 a128 b128 c512 k1 | 3:2 a256 b256 c1024 k1 | 4:2 a512 b512 c2048 k1
""",
    "mbconv": """
mobilenetv2_100 = s32 | 0:1 k3 m32 p16 | 1:2 k3 m144 o24 p144 | 2:3 k3 m192 o32 p192 | 3:4 k3 m384 o64 p384 | 4:3 k3
  m576 o96 p576 | 5:3 k3 m960 o160 p960 | 6:1 k3 m960 o320 p960
mobilenetv2_140 = s48 | 0:1 k3 m48 p24 | 1:2 k3 m192 o32 p192 | 2:3 k3 m288 o48 p288 | 3:4 k3 m528 o88 p528 | 4:3 k3
  m816 o136 p816 | 5:3 k3 m1344 o224 p1344 | 6:1 k3 m1344 o448 p1344
mobilenetv3_small_050 = s16 | 0:1 k3 m16 p8 r8 | 1:2 k3 m56 o16 p56 | 2:3 k5 m144 o24 p144 r40 | 3:2 k5 m72 o24 p72
  r24 | 4:3 k5 m288 o48 p288 r72 | 5:1 n288
mobilenetv3_small_075 = s16 | 0:1 k3 m16 p16 r8 | 1:2 k3 m88 o24 p88 | 2:3 k5 m192 o32 p192 r48 | 3:2 k5 m120 o40
  p120 r32 | 4:3 k5 m432 o72 p432 r112 | 5:1 n432
mobilenetv3_small_100 = s16 | 0:1 k3 m16 p16 r8 | 1:2 k3 m88 o24 p88 | 2:3 k5 m240 o40 p240 r64 | 3:2 k5 m144 o48
  p144 r40 | 4:3 k5 m576 o96 p576 r144 | 5:1 n576
mobilenetv3_large_075 = s16 | 0:1 k3 m16 p16 | 1:2 k3 m72 o24 p72 | 2:3 k5 m96 o32 p96 r24 | 3:4 k3 m144 o64 p144 |
  4:2 k3 m528 o88 p528 r136 | 5:3 k5 m720 o120 p720 r184 | 6:1 n720
mobilenetv3_large_100 = s16 | 0:1 k3 m16 p16 | 1:2 k3 m72 o24 p72 | 2:3 k5 m120 o40 p120 r32 | 3:4 k3 m184 o80 p184 |
  4:2 k3 m672 o112 p672 r168 | 5:3 k5 m960 o160 p960 r240 | 6:1 n960
mobilenetv3_rw = s16 | 0:1 k3 m16 p16 | 1:2 k3 m72 o24 p72 | 2:3 k5 m120 o40 p120 r30 | 3:4 k3 m184 o80 p184 | 4:2 k3
  m672 o112 p672 r168 | 5:3 k5 m960 o160 p960 r240 | 6:1 n960
tf_mobilenetv3_large_minimal_100 = s16 | 0:1 k3 m16 p16 | 1:2 k3 m72 o24 p72 | 2:3 k3 m120 o40 p120 | 3:4 k3 m184 o80
  p184 | 4:2 k3 m672 o112 p672 | 5:3 k3 m960 o160 p960 | 6:1 n960
efficientnet_b0 = s32 | 0:1 k3 m32 p16 r8 | 1:2 k3 m144 o24 p144 r6 | 2:2 k5 m240 o40 p240 r10 | 3:3 k3 m480 o80 p480
  r20 | 4:3 k5 m672 o112 p672 r28 | 5:4 k5 m1152 o192 p1152 r48 | 6:1 k3 m1152 o320 p1152 r48
efficientnet_b1 = s32 | 0:2 k3 m16 p16 r4 | 1:3 k3 m144 o24 p144 r6 | 2:3 k5 m240 o40 p240 r10 | 3:4 k3 m480 o80 p480
  r20 | 4:4 k5 m672 o112 p672 r28 | 5:5 k5 m1152 o192 p1152 r48 | 6:2 k3 m1920 o320 p1920 r80
efficientnet_b2 = s32 | 0:2 k3 m16 p16 r4 | 1:3 k3 m144 o24 p144 r6 | 2:3 k5 m288 o48 p288 r12 | 3:4 k3 m528 o88 p528
  r22 | 4:4 k5 m720 o120 p720 r30 | 5:5 k5 m1248 o208 p1248 r52 | 6:2 k3 m2112 o352 p2112 r88
efficientnet_b3 = s40 | 0:2 k3 m24 p24 r6 | 1:3 k3 m192 o32 p192 r8 | 2:3 k5 m288 o48 p288 r12 | 3:5 k3 m576 o96 p576
  r24 | 4:5 k5 m816 o136 p816 r34 | 5:6 k5 m1392 o232 p1392 r58 | 6:2 k3 m2304 o384 p2304 r96
efficientnet_b4 = s48 | 0:2 k3 m24 p24 r6 | 1:4 k3 m192 o32 p192 r8 | 2:4 k5 m336 o56 p336 r14 | 3:6 k3 m672 o112
  p672 r28 | 4:6 k5 m960 o160 p960 r40 | 5:8 k5 m1632 o272 p1632 r68 | 6:2 k3 m2688 o448 p2688 r112
efficientnet_b5 = s48 | 0:3 k3 m24 p24 r6 | 1:5 k3 m240 o40 p240 r10 | 2:5 k5 m384 o64 p384 r16 | 3:7 k3 m768 o128
  p768 r32 | 4:7 k5 m1056 o176 p1056 r44 | 5:9 k5 m1824 o304 p1824 r76 | 6:3 k3 m3072 o512 p3072 r128
efficientnet_b6 = s56 | 0:3 k3 m32 p32 r8 | 1:6 k3 m240 o40 p240 r10 | 2:6 k5 m432 o72 p432 r18 | 3:8 k3 m864 o144
  p864 r36 | 4:8 k5 m1200 o200 p1200 r50 | 5:11 k5 m2064 o344 p2064 r86 | 6:3 k3 m3456 o576 p3456 r144
efficientnet_b7 = s64 | 0:4 k3 m32 p32 r8 | 1:7 k3 m288 o48 p288 r12 | 2:7 k5 m480 o80 p480 r20 | 3:10 k3 m960 o160
  p960 r40 | 4:10 k5 m1344 o224 p1344 r56 | 5:13 k5 m2304 o384 p2304 r96 | 6:4 k3 m3840 o640 p3840 r160
tf_efficientnetv2_b0 = s32 | 0:1 n16 | 1:2 o32 x128 | 2:2 o48 x192 | 3:3 k3 m384 o96 p384 r24 | 4:5 k3 m672 o112 p672
  r28 | 5:8 k3 m1152 o192 p1152 r48
efficientnet_lite0 = s32 | 0:1 k3 m32 p16 | 1:2 k3 m144 o24 p144 | 2:2 k5 m240 o40 p240 | 3:3 k3 m480 o80 p480 | 4:3
  k5 m672 o112 p672 | 5:4 k5 m1152 o192 p1152 | 6:1 k3 m1152 o320 p1152
efficientnet_es = s32 | 0:1 o24 x96 | 1:2 o32 x256 | 2:4 o48 x384 | 3:5 k5 m768 o96 p768 | 4:4 k5 m1152 o144 p1152 |
  5:2 k5 m1536 o192 p1536
efficientnetv2_s = s24 | 0:2 n24 | 1:4 o48 x192 | 2:4 o64 x256 | 3:6 k3 m512 o128 p512 r32 | 4:9 k3 m960 o160 p960
  r40 | 5:15 k3 m1536 o256 p1536 r64
efficientnetv2_m = s24 | 0:3 n24 | 1:5 o48 x192 | 2:5 o80 x320 | 3:7 k3 m640 o160 p640 r40 | 4:14 k3 m1056 o176 p1056
  r44 | 5:18 k3 m1824 o304 p1824 r76 | 6:5 k3 m3072 o512 p3072 r128
efficientnetv2_l = s32 | 0:4 n32 | 1:7 o64 x256 | 2:7 o96 x384 | 3:10 k3 m768 o192 p768 r48 | 4:19 k3 m1344 o224
  p1344 r56 | 5:25 k3 m2304 o384 p2304 r96 | 6:7 k3 m3840 o640 p3840 r160
efficientnetv2_rw_s = s24 | 0:2 o24 x24 | 1:4 o48 x192 | 2:4 o64 x256 | 3:6 k3 m512 o128 p512 r32 | 4:9 k3 m960 o160
  p960 r40 | 5:15 k3 m1632 o272 p1632 r68
mnasnet_100 = s32 | 0:1 k3 m32 p16 | 1:3 k3 m72 o24 p72 | 2:3 k5 m120 o40 p120 | 3:3 k5 m480 o80 p480 | 4:2 k3 m576
  o96 p576 | 5:4 k5 m1152 o192 p1152 | 6:1 k3 m1152 o320 p1152
""",
    "convnext": """
convnext_atto = 0:2 d40 k7 m160 | 1:2 d80 k7 m320 | 2:6 d160 k7 m640 | 3:2 d320 k7 m1280
convnext_femto = 0:2 d48 k7 m192 | 1:2 d96 k7 m384 | 2:6 d192 k7 m768 | 3:2 d384 k7 m1536
convnext_pico = 0:2 d64 k7 m256 | 1:2 d128 k7 m512 | 2:6 d256 k7 m1024 | 3:2 d512 k7 m2048
convnext_nano = 0:2 d80 k7 m320 | 1:2 d160 k7 m640 | 2:8 d320 k7 m1280 | 3:2 d640 k7 m2560
convnext_tiny = 0:3 d96 k7 m384 | 1:3 d192 k7 m768 | 2:9 d384 k7 m1536 | 3:3 d768 k7 m3072
convnext_small = 0:3 d96 k7 m384 | 1:3 d192 k7 m768 | 2:27 d384 k7 m1536 | 3:3 d768 k7 m3072
convnext_base = 0:3 d128 k7 m512 | 1:3 d256 k7 m1024 | 2:27 d512 k7 m2048 | 3:3 d1024 k7 m4096
convnext_large = 0:3 d192 k7 m768 | 1:3 d384 k7 m1536 | 2:27 d768 k7 m3072 | 3:3 d1536 k7 m6144
convnext_xlarge = 0:3 d256 k7 m1024 | 1:3 d512 k7 m2048 | 2:27 d1024 k7 m4096 | 3:3 d2048 k7 m8192
convnextv2_tiny = 0:3 d96 g384 k7 m384 | 1:3 d192 g768 k7 m768 | 2:9 d384 g1536 k7 m1536 | 3:3 d768 g3072 k7 m3072
convnextv2_base = 0:3 d128 g512 k7 m512 | 1:3 d256 g1024 k7 m1024 | 2:27 d512 g2048 k7 m2048 | 3:3 d1024 g4096 k7
  m4096
convnextv2_large = 0:3 d192 g768 k7 m768 | 1:3 d384 g1536 k7 m1536 | 2:27 d768 g3072 k7 m3072 | 3:3 d1536 g6144 k7
  m6144
""",
    "swin": """
swin_tiny_patch4_window7_224 = 0:2 d96 h3 m384 w169 | 1:2 d192 h6 m768 w169 | 2:6 d384 h12 m1536 w169 | 3:2 d768 h24
  m3072 w169
swin_small_patch4_window7_224 = 0:2 d96 h3 m384 w169 | 1:2 d192 h6 m768 w169 | 2:18 d384 h12 m1536 w169 | 3:2 d768
  h24 m3072 w169
swin_base_patch4_window7_224 = 0:2 d128 h4 m512 w169 | 1:2 d256 h8 m1024 w169 | 2:18 d512 h16 m2048 w169 | 3:2 d1024
  h32 m4096 w169
swin_base_patch4_window12_384 = 0:2 d128 h4 m512 w529 | 1:2 d256 h8 m1024 w529 | 2:18 d512 h16 m2048 w529 | 3:2 d1024
  h32 m4096 w529
swin_large_patch4_window7_224 = 0:2 d192 h6 m768 w169 | 1:2 d384 h12 m1536 w169 | 2:18 d768 h24 m3072 w169 | 3:2
  d1536 h48 m6144 w169
swinv2_tiny_window8_256 swinv2_tiny_window16_256 = 0:2 c3 d96 m384 | 1:2 c6 d192 m768 | 2:6 c12 d384 m1536 | 3:2 c24
  d768 m3072
swinv2_small_window8_256 swinv2_small_window16_256 = 0:2 c3 d96 m384 | 1:2 c6 d192 m768 | 2:18 c12 d384 m1536 | 3:2
  c24 d768 m3072
swinv2_base_window8_256 swinv2_base_window16_256 swinv2_base_window12_192 swinv2_base_window12to16_192to256
  swinv2_base_window12to24_192to384 = 0:2 c4 d128 m512 | 1:2 c8 d256 m1024 | 2:18 c16 d512 m2048 | 3:2 c32 d1024 m4096
swinv2_large_window12_192 swinv2_large_window12to16_192to256 swinv2_large_window12to24_192to384 = 0:2 c6 d192 m768 |
  1:2 c12 d384 m1536 | 2:18 c24 d768 m3072 | 3:2 c48 d1536 m6144
""",
    "vit": """
vit_tiny_patch16_224 vit_tiny_patch16_384 = p16 | 0:12 d192 m768
vit_small_patch16_224 vit_small_patch16_384 = p16 | 0:12 d384 m1536
vit_small_patch32_224 vit_small_patch32_384 = p32 | 0:12 d384 m1536
vit_base_patch8_224 = p8 | 0:12 d768 m3072
vit_base_patch16_224 vit_base_patch16_384 = p16 | 0:12 d768 m3072
vit_base_patch32_224 vit_base_patch32_384 = p32 | 0:12 d768 m3072
vit_large_patch16_224 vit_large_patch16_384 = p16 | 0:24 d1024 m4096
vit_large_patch32_224 vit_large_patch32_384 = p32 | 0:24 d1024 m4096
vit_huge_patch14_224 = p14 | 0:32 d1280 m5120
""",
}
