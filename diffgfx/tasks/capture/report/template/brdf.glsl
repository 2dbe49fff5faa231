// The BRDF of glTF 2.0 with KHR_materials_specular at metallic 0, times the cosine at the light.
const float PI = 3.14159265358979;

vec3 brdfCosine(vec3 n, vec3 l, vec3 v, vec3 d, vec3 s, float r) {
  float nl = dot(n, l), nv = dot(n, v);
  if (nl <= 0.0 || nv <= 0.0) return vec3(0.0);
  vec3 h = normalize(l + v);
  float nh = dot(n, h), vh = dot(v, h);
  vec3 across = cross(n, h);
  float a2 = r * r * r * r;
  float spread = dot(across, across) + a2 * nh * nh;
  float distribution = a2 / (PI * spread * spread);
  float visibility = 0.5 / (nl * sqrt(nv * nv * (1.0 - a2) + a2)
                          + nv * sqrt(nl * nl * (1.0 - a2) + a2));
  float grazing = 1.0 - vh;
  float squared = grazing * grazing;
  vec3 fresnel = s + (1.0 - s) * squared * squared * grazing;
  float body = 1.0 - max(fresnel.r, max(fresnel.g, fresnel.b));
  return (body * d / PI + distribution * visibility * fresnel) * nl;
}
