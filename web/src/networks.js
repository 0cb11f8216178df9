// The networks that each of MediaPipe's graphs runs, as graphs.mjs names them: folder/name.

export const NETWORKS = {
  body: [
    'pose_detection/pose_detection', 'pose_landmark/pose_landmark_full', 'face_detection/face_detection_short_range',
    'face_landmark/face_landmark',
  ],
  hands: ['holistic_landmark/hand_recrop', 'hand_landmark/hand_landmark_full'],
};
