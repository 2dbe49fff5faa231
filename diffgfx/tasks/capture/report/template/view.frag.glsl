// A sample in z = 0, or wrapped around a sphere, under one point light, as an eye above it sees it.
in vec2 frame;
out vec4 colour;

uniform sampler2D finish;    // x and y of the normal, roughness
uniform sampler2D diffuse;
uniform sampler2D specular;
uniform vec2 size;           // of the sample; lengths are its longer sides
uniform vec3 light;
uniform vec3 eye;            // on the z axis
uniform float power;         // radiant intensity of the light
uniform bool sphere;
uniform float radius;        // of the sphere, about the origin
uniform float reach;         // half the frame of the sphere's picture, in z = 0
uniform float pixel;         // its pixels, in the same place

vec3 shade(vec3 point, vec3 right, vec3 up, vec3 outward, vec2 place) {
  vec2 at = vec2(0.5, 0.5) + vec2(place.x, -place.y) / size;  // row 0 of the maps is at the top
  vec3 found = texture(finish, at).xyz;
  vec2 slant = found.xy;
  float rise = sqrt(max(1.0 - dot(slant, slant), 0.0));
  vec3 n = normalize(slant.x * right + slant.y * up + rise * outward);
  vec3 toward = light - point;
  float squared = dot(toward, toward);
  vec3 l = toward * inversesqrt(squared);
  vec3 v = normalize(eye - point);
  vec3 d = texture(diffuse, at).rgb, s = texture(specular, at).rgb;
  return brdfCosine(n, l, v, d, s, found.z) * power / squared;
}

vec3 encoded(vec3 linear) {
  vec3 c = clamp(linear, 0.0, 1.0);
  return mix(1.055 * pow(c, vec3(1.0 / 2.4)) - 0.055, 12.92 * c, lessThanEqual(c, vec3(0.0031308)));
}

vec4 plane() {
  vec2 place = 0.5 * frame * size;
  return vec4(shade(vec3(place, 0.0), vec3(1, 0, 0), vec3(0, 1, 0), vec3(0, 0, 1), place), 1.0);
}

vec4 ball() {
  vec2 target = reach * frame;
  vec3 ray = normalize(vec3(target, 0.0) - eye);
  float nearest = -dot(eye, ray);
  float missed = length(eye + nearest * ray);
  float cover = clamp(0.5 + (radius - missed) / pixel, 0.0, 1.0);
  if (cover <= 0.0) return vec4(0.0);
  float depth = sqrt(max(radius * radius - missed * missed, 0.0));
  vec3 point = eye + (nearest - depth) * ray;
  vec3 n = normalize(point);
  // the sample is laid on at the pole that faces the eye; meridians keep their lengths
  float around = length(n.xy);
  vec2 place = around > 0.0 ? radius * atan(around, n.z) / around * n.xy : vec2(0.0);
  float bend = 1.0 / (1.0 + n.z);
  vec3 right = vec3(1.0 - n.x * n.x * bend, -n.x * n.y * bend, -n.x);
  vec3 up = vec3(-n.x * n.y * bend, 1.0 - n.y * n.y * bend, -n.y);
  return vec4(shade(point, right, up, n, place), cover);
}

void main() {
  vec4 seen = sphere ? ball() : plane();
  colour = vec4(encoded(seen.rgb) * seen.a, seen.a);
}
